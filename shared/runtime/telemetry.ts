import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { environment } from './environment.ts';
import { METRICS_NAMESPACE } from './metrics-namespace.ts';

const serviceName = environment.serviceName();

/** The one logger. What it is given never holds a token, a code, a state or a secret. */
export const logger = new Logger({ serviceName });

/** The one place for metrics: CloudWatch embedded metric format, on standard output. */
const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName });

export function count(metric: string, by = 1): void {
  metrics.addMetric(metric, MetricUnit.Count, by);
}

export function milliseconds(metric: string, value: number): void {
  metrics.addMetric(metric, MetricUnit.Milliseconds, value);
}

export function seconds(metric: string, value: number): void {
  metrics.addMetric(metric, MetricUnit.Seconds, value);
}

/** At the end of each invocation; the metrics of a frozen function would be late. */
export function publishMetrics(): void {
  if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
}
