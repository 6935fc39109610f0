import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { METRICS_NAMESPACE } from '../shared/runtime/metrics-namespace.ts';
import type { TokenMetric } from '../shared/tokens/telemetry.ts';

/** The metrics that the functions write. docs/deploying.md says what each alarm on them means. */
export type MetricName =
  | TokenMetric
  /** Milliseconds from sending a refresh token to the end of the answer. */
  | 'TokenEndpointLatency'
  /** Connections that a sweep put into the refresh queue. */
  | 'SweepQueued'
  /** Seconds that a sweep is behind its schedule. */
  | 'SweepLag'
  /** Seconds that an access token was still valid when its refresh began. */
  | 'ValidityLeft'
  /** A rotation came out of escrow into the table. */
  | 'EscrowStored'
  /** A disconnect whose grant could not be ended at Jobber yet. */
  | 'DisconnectWaiting'
  | 'ApiVersionUpgraded'
  | 'ApiVersionWarning'
  | 'WebhookRejected'
  | 'WebhookReceived'
  | 'WebhookUnreadable'
  | 'WebhookFromFuture';

export const FIVE_MINUTES = { period: Duration.minutes(5) };

/** What matters of a metric that is no count: its worst value. */
const WORST: Partial<Record<MetricName, string>> = {
  TokenEndpointLatency: Stats.p(99),
  SweepLag: Stats.MAXIMUM,
  ValidityLeft: Stats.MINIMUM,
};

/** A metric of the deployment that `serviceName` names, over five minutes; a count is summed up. */
export const metricOf = (
  serviceName: string,
  metricName: MetricName,
  options: MetricOptions = {},
): Metric =>
  new Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { service: serviceName },
    statistic: WORST[metricName] ?? Stats.SUM,
    ...FIVE_MINUTES,
    ...options,
  });
