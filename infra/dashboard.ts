import { Duration } from 'aws-cdk-lib';
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  LogQueryWidget,
  type Metric,
  SingleValueWidget,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { FunctionName } from '../functions/manifest.ts';
import type { JobberTokens } from './jobber-tokens.ts';
import { FIVE_MINUTES } from './metrics.ts';

/** Somebody waits for these, or their work grows with the connections. CloudWatch shows 50 metrics for nothing. */
const TIMED = [
  'oauth-connect',
  'oauth-callback',
  'jobber-webhook',
  'get-token',
  'disconnect',
  'refresh-sweep',
  'refresh-connection',
] as const satisfies FunctionName[];
const HOUR = { period: Duration.hours(1) };
const DAY = { period: Duration.days(1) };

/** Is everybody connected, and what is wrong? From the top: the answer, what is wrong, why. */
export function createDashboard(
  scope: Construct,
  jobberTokens: JobberTokens,
  alarms: Alarm[],
): Dashboard {
  const { table, functions, refreshQueue, escrowQueue, deadLetters, httpFront } = jobberTokens;
  const eachFunction = (of: (fn: JobberTokens['functions']['get-token']) => Metric): IMetric[] =>
    Object.entries(functions).map(([label, fn]) => of(fn).with({ label }));
  const number = (title: string, of: Metric) =>
    new SingleValueWidget({
      title,
      metrics: [of],
      width: 6,
      height: 4,
    });
  const graph = (title: string, ...left: IMetric[]) =>
    new GraphWidget({ title, left, width: 8, height: 6, leftYAxis: { min: 0 } });

  return new Dashboard(scope, 'Dashboard', {
    defaultInterval: Duration.days(1),
    widgets: [
      [
        number(
          'Refreshed within the hour',
          jobberTokens.metricRefreshes({ ...HOUR, label: 'refreshed' }),
        ),
        number(
          'Connections lost within the day',
          jobberTokens.metricReconnects({ ...DAY, label: 'lost' }),
        ),
        number(
          'Left of a token when its refresh began',
          jobberTokens.metricValidityLeft({ label: 'seconds at least' }),
        ),
        number(
          'Connects that failed within the day',
          httpFront.api.metricServerError({ statistic: Stats.SUM, ...DAY, label: 'failed' }),
        ),
      ],
      [new AlarmStatusWidget({ title: 'Alarms', alarms, width: 24, height: 4 })],
      [
        new LogQueryWidget({
          title: 'What went wrong, and for whom',
          logGroupNames: Object.values(functions).map((fn) => fn.logGroup.logGroupName),
          queryLines: [
            'fields @timestamp, level, message, accountId, code',
            'filter level in ["WARN", "ERROR", "CRITICAL"]',
            'sort @timestamp desc',
            'limit 50',
          ],
          width: 24,
          height: 6,
        }),
      ],
      [
        graph(
          'Refreshes',
          jobberTokens.metricRefreshes(),
          jobberTokens.metric('RefreshAdopted'),
          jobberTokens.metric('RefreshWaited'),
          jobberTokens.metric('SweepQueued'),
        ),
        graph(
          'Refreshes that failed',
          jobberTokens.metricRefreshFailures(),
          jobberTokens.metricClientRejections(),
          jobberTokens.metricReconnects(),
        ),
        graph(
          'Jobber’s token endpoint, milliseconds',
          jobberTokens.metricTokenEndpointLatency({ statistic: Stats.p(50) }),
          jobberTokens.metricTokenEndpointLatency(),
        ),
      ],
      [
        graph(
          'Escrow',
          jobberTokens.metric('RotationEscrowed'),
          jobberTokens.metric('EscrowStored'),
          jobberTokens.metric('StoreFailed'),
          jobberTokens.metric('ForeignTokens'),
        ),
        graph(
          'Messages waiting',
          ...Object.entries({ refresh: refreshQueue, escrow: escrowQueue }).map(([label, queue]) =>
            queue.metricApproximateNumberOfMessagesVisible({ ...FIVE_MINUTES, label }),
          ),
          ...Object.entries(deadLetters).map(([name, queue]) =>
            queue.metricApproximateNumberOfMessagesVisible({
              ...FIVE_MINUTES,
              label: `${name}: dead letters`,
            }),
          ),
        ),
        graph(
          'Throttled',
          table.metricThrottledRequestsForOperation('UpdateItem', FIVE_MINUTES),
          functions['get-token'].metricThrottles({ ...FIVE_MINUTES, label: 'get-token' }),
        ),
      ],
      [
        graph('Function errors', ...eachFunction((fn) => fn.metricErrors(FIVE_MINUTES))),
        graph(
          'Webhooks, disconnects, API version',
          jobberTokens.metric('WebhookReceived'),
          jobberTokens.metric('WebhookRejected'),
          jobberTokens.metric('WebhookUnreadable'),
          jobberTokens.metric('WebhookFromFuture'),
          jobberTokens.metric('DisconnectWaiting'),
          jobberTokens.metric('ApiVersionUpgraded'),
          jobberTokens.metric('ApiVersionWarning'),
        ),
        graph(
          'Function durations, p99, milliseconds',
          ...TIMED.map((label) =>
            functions[label].metricDuration({ ...FIVE_MINUTES, statistic: Stats.p(99), label }),
          ),
        ),
      ],
    ],
  });
}
