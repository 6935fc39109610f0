import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  MathExpression,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { JobberTokens } from './jobber-tokens.ts';
import { FIVE_MINUTES } from './metrics.ts';

const WEBHOOK_LIMIT = Duration.millis(800);
const SWEEP_LAG_LIMIT = Duration.minutes(10);
const VALIDITY_LIMIT = Duration.minutes(5);

/** The functions call GraphQL only where somebody connects or disconnects, so the alarm stays on for a day. */
const WITHIN_A_DAY = { period: Duration.days(1) };

export interface AlarmProps {
  /**
   * From how many lost connections within an hour there is an alarm.
   * @default 5
   */
  readonly reconnectsPerHour?: number;
  /**
   * After how many days without a webhook there is an alarm, while connections are refreshed. From 1 to 7. Useful if Jobber
   * normally sends your app webhooks every day.
   * @default - no such alarm
   */
  readonly webhookSilenceAlarmDays?: number;
}

/** Everything that somebody should hear of. What to do about each is in docs/deploying.md. */
export function createAlarms(
  scope: Construct,
  jobberTokens: JobberTokens,
  { reconnectsPerHour = 5, webhookSilenceAlarmDays }: AlarmProps,
): Alarm[] {
  const { functions, deadLetters, httpFront } = jobberTokens;
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
      jobberTokens.metricClientRejections(),
      'Jobber rejects the client id or secret of the app. No connection is lost; correct the app secret.',
    ),
    atLeast(
      1,
      'StoreFailed',
      jobberTokens.metric('StoreFailed'),
      'Neither the table nor the escrow queue took a rotation. It is in the log of level CRITICAL: save it from there.',
    ),
    atLeast(
      1,
      'ForeignTokens',
      jobberTokens.metric('ForeignTokens'),
      'Jobber answered a refresh with tokens of another account. They were not stored; tell Jobber.',
    ),
    atLeast(
      1,
      'RotationEscrowed',
      jobberTokens.metric('RotationEscrowed'),
      'The table refused a rotation, which waits in the escrow queue. Look at DynamoDB.',
    ),
    atLeast(
      reconnectsPerHour,
      'Reconnects',
      jobberTokens.metricReconnects({ period: Duration.hours(1) }),
      `${reconnectsPerHour} or more connections were lost within an hour.`,
    ),
    new Alarm(scope, 'SweepLag', {
      alarmDescription:
        'The sweep is behind, or does not run. Tokens will expire before they are refreshed.',
      metric: jobberTokens.metricSweepLag(),
      threshold: SWEEP_LAG_LIMIT.toSeconds(),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 2,
      treatMissingData: TreatMissingData.BREACHING,
    }),
    new Alarm(scope, 'ValidityLeft', {
      alarmDescription:
        'Access tokens were about to expire, or had, when their refresh began. Look at the queue of the refreshes, and at Jobber.',
      metric: jobberTokens.metricValidityLeft(),
      threshold: VALIDITY_LIMIT.toSeconds(),
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 2,
      treatMissingData: TreatMissingData.NOT_BREACHING,
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
      jobberTokens.metric('WebhookUnreadable'),
      'Jobber signed a webhook whose form is not known. It is lost; a disconnect is found out at the next refresh.',
    ),
    atLeast(
      1,
      'WebhookFromFuture',
      jobberTokens.metric('WebhookFromFuture'),
      'Jobber signed a disconnect that is dated more than five minutes ahead. It was ignored; the log says for whom. ' +
        'The next refresh finds out whether the account is disconnected.',
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
      jobberTokens.metric('ApiVersionUpgraded', WITHIN_A_DAY),
      'Jobber has removed the API version that is sent, and answers with another one. ' +
        'Check your queries against a supported version and set jobberGraphqlVersion.',
    ),
    atLeast(
      1,
      'ApiVersionWarning',
      jobberTokens.metric('ApiVersionWarning', WITHIN_A_DAY),
      'Jobber will remove the API version that is sent, or does not know it; the log says which. ' +
        'Check your queries against the latest version and set jobberGraphqlVersion.',
    ),
    ...(webhookSilenceAlarmDays === undefined
      ? []
      : [webhookSilence(scope, jobberTokens, webhookSilenceAlarmDays)]),
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

/** Jobber stops sending webhooks to a URL that fails, and says nothing. Refreshes show that connections are active. */
function webhookSilence(scope: Construct, jobberTokens: JobberTokens, days: number): Alarm {
  // Period times periods is limited to seven days (CloudWatch, PutMetricAlarm).
  if (!Number.isInteger(days) || days < 1 || days > 7) {
    throw new Error(
      'webhookSilenceAlarmDays must be a whole number from 1 to 7: CloudWatch looks back a week.',
    );
  }
  return new Alarm(scope, 'WebhookSilence', {
    alarmDescription:
      `No webhook of Jobber came for ${days} days, though connections were refreshed. Jobber may have switched them off: ` +
      'check the app’s webhooks in the Developer Center. Disconnects are found out at the next refresh.',
    // Without a webhook a day has no data point, and CloudWatch would judge by older days. So fill such days with 0.
    metric: new MathExpression({
      expression: 'IF(FILL(refreshes, 0) > 0 AND FILL(webhooks, 0) == 0, 1, 0)',
      usingMetrics: {
        refreshes: jobberTokens.metricRefreshes(),
        webhooks: jobberTokens.metric('WebhookReceived'),
      },
      label: 'refreshes without a webhook',
      period: Duration.days(1),
    }),
    threshold: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: days,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}
