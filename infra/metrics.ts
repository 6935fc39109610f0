import { Duration } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { METRICS_NAMESPACE } from '../shared/runtime/metrics-namespace.ts';
import type { TokenMetric } from '../shared/tokens/telemetry.ts';

export type MetricName =
  | TokenMetric
  | 'TokenEndpointLatency'
  | 'SweepQueued'
  | 'SweepLag'
  | 'ValidityLeft'
  | 'EscrowStored'
  | 'DisconnectWaiting'
  | 'ApiVersionUpgraded'
  | 'ApiVersionWarning'
  | 'WebhookRejected'
  | 'WebhookReceived'
  | 'WebhookUnreadable'
  | 'WebhookFromFuture';

export const FIVE_MINUTES = { period: Duration.minutes(5) };

/** The metrics that the functions of one deployment write. */
export const metricsOf =
  (serviceName: string) =>
  (metricName: MetricName, statistic: string = Stats.SUM) =>
    new Metric({
      namespace: METRICS_NAMESPACE,
      metricName,
      dimensionsMap: { service: serviceName },
      statistic,
      ...FIVE_MINUTES,
    });
