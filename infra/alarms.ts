import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { JobberTokens } from './jobber-tokens.ts';
import { FIVE_MINUTES, metricsOf } from './metrics.ts';

const WEBHOOK_LIMIT = Duration.millis(800);
const SWEEP_LAG_LIMIT = Duration.minutes(10);

/** The functions call GraphQL only where somebody connects or disconnects, so the alarm stays on for a day. */
const WITHIN_A_DAY = { period: Duration.days(1) };

/** Everything that somebody should hear of. What to do about each is in docs/deploying.md. */
export function createAlarms(
  scope: Construct,
  { serviceName, functions, deadLetters, httpFront }: JobberTokens,
  reconnectsPerHour: number,
): Alarm[] {
  const metric = metricsOf(serviceName);
  const atLeast = (threshold: number, id: string, of: Metric, alarmDescription: string) =>
    new Alarm(scope, id, {
      alarmDescription,
      metric: of,
      threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  return [
    atLeast(
      1,
      'ClientRejected',
      metric('ClientRejected'),
      'Jobber rejects the client id or secret of the app. No connection is lost; correct the app secret.',
    ),
    atLeast(
      1,
      'StoreFailed',
      metric('StoreFailed'),
      'Neither the table nor the escrow queue took a rotation. It is in the log of level CRITICAL: save it from there.',
    ),
    atLeast(
      1,
      'ForeignTokens',
      metric('ForeignTokens'),
      'Jobber answered a refresh with tokens of another account. They were not stored; tell Jobber.',
    ),
    atLeast(
      1,
      'RotationEscrowed',
      metric('RotationEscrowed'),
      'The table refused a rotation, which waits in the escrow queue. Look at DynamoDB.',
    ),
    atLeast(
      reconnectsPerHour,
      'Reconnects',
      metric('ReconnectRequired').with({ period: Duration.hours(1) }),
      `${reconnectsPerHour} or more connections were lost within an hour.`,
    ),
    new Alarm(scope, 'SweepLag', {
      alarmDescription:
        'Access tokens are about to expire before they are refreshed, or the sweep does not run.',
      metric: metric('SweepLag', Stats.MAXIMUM),
      threshold: SWEEP_LAG_LIMIT.toSeconds(),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 2,
      treatMissingData: TreatMissingData.BREACHING,
    }),
    atLeast(
      1,
      'ConnectFailed',
      httpFront.api.metricServerError({ statistic: Stats.SUM, ...FIVE_MINUTES }),
      'Somebody was shown that connecting does not work now, or a webhook could not be taken.',
    ),
    atLeast(
      1,
      'WebhookUnreadable',
      metric('WebhookUnreadable'),
      'Jobber signed a webhook whose form is not known. It is lost; a disconnect is found out at the next refresh.',
    ),
    atLeast(
      WEBHOOK_LIMIT.toMilliseconds(),
      'WebhookSlow',
      functions['jobber-webhook'].metricDuration({ statistic: Stats.p(99), ...FIVE_MINUTES }),
      'Webhooks are answered nearly too late: Jobber waits for a second, and may switch off who takes longer.',
    ),
    atLeast(
      1,
      'ApiVersionUpgraded',
      metric('ApiVersionUpgraded').with(WITHIN_A_DAY),
      'Jobber has removed the API version that is sent, and answers with another one. ' +
        'Check your queries against a supported version and set jobberGraphqlVersion.',
    ),
    atLeast(
      1,
      'ApiVersionWarning',
      metric('ApiVersionWarning').with(WITHIN_A_DAY),
      'Jobber will remove the API version that is sent; the log says when. ' +
        'Check your queries against the latest version and set jobberGraphqlVersion.',
    ),
    ...Object.entries(deadLetters).map(([name, queue]) =>
      atLeast(
        1,
        `dead-letters-${name}`,
        queue.metricApproximateNumberOfMessagesVisible(FIVE_MINUTES),
        `Dead letters: ${name}. Something failed until it was given up.`,
      ),
    ),
    ...Object.entries(functions).map(([name, fn]) =>
      atLeast(1, `errors-${name}`, fn.metricErrors(FIVE_MINUTES), `${name} failed or timed out.`),
    ),
  ];
}
