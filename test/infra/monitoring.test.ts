import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { Duration } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { functions } from '../../functions/manifest.ts';
import { Monitoring } from '../../infra/monitoring.ts';
import { idOf, synthesize } from './support.ts';

const synthesized = synthesize({ alarmEmail: 'ops@example.com' }, (owners) => {
  new Monitoring(owners, 'OwnTopic', owners.jobberTokens, {
    alarmTopic: new Topic(owners, 'Topic'),
    reconnectsPerHour: 20,
  });
});
const { stack, template, properties } = synthesized;
const tokens = stack.jobberTokens;
const alarms = new Map(stack.monitoring.alarms.map((alarm) => [alarm.node.id, properties(alarm)]));

describe('an alarm goes off', () => {
  const once = { Threshold: 1, EvaluationPeriods: 1, TreatMissingData: 'notBreaching' };

  it('for each of these, and nothing else', () => {
    expect([...alarms.keys()]).toEqual([
      'ClientRejected',
      'StoreFailed',
      'ForeignTokens',
      'RotationEscrowed',
      'Reconnects',
      'SweepLag',
      'ValidityLeft',
      'ConnectFailed',
      'WebhookUnreadable',
      'WebhookFromFuture',
      'WebhookSlow',
      'ApiVersionUpgraded',
      'ApiVersionWarning',
      ...['refresh', 'escrow', 'sweep', 'events'].map((name) => `dead-letters-${name}`),
      ...Object.keys(functions).map((name) => `errors-${name}`),
    ]);
  });

  it.each(['ClientRejected', 'StoreFailed', 'ForeignTokens', 'RotationEscrowed'])(
    'at the first %s',
    (name) => {
      expect(alarms.get(name)).toMatchObject({
        ...once,
        Namespace: 'JobberTokens',
        MetricName: name,
        Dimensions: [{ Name: 'service', Value: 'JobberTokens' }],
        Statistic: 'Sum',
        Period: 300,
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      });
    },
  );

  it('when several connections are lost within an hour', () => {
    const lost = { MetricName: 'ReconnectRequired', Statistic: 'Sum', Period: 3600 };
    expect(alarms.get('Reconnects')).toMatchObject({ ...once, ...lost, Threshold: 5 });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { ...lost, Threshold: 20 });
  });

  it('when the sweep is late, and when it does not run at all', () => {
    expect(alarms.get('SweepLag')).toMatchObject({
      MetricName: 'SweepLag',
      Statistic: 'Maximum',
      Threshold: 600,
      ComparisonOperator: 'GreaterThanThreshold',
      EvaluationPeriods: 2,
      TreatMissingData: 'breaching',
    });
  });

  it('when tokens were about to expire before their refresh began', () => {
    expect(alarms.get('ValidityLeft')).toMatchObject({
      MetricName: 'ValidityLeft',
      Statistic: 'Minimum',
      Threshold: 300,
      ComparisonOperator: 'LessThanThreshold',
      EvaluationPeriods: 2,
      TreatMissingData: 'notBreaching',
    });
  });

  it('when somebody cannot connect', () => {
    expect(alarms.get('ConnectFailed')).toMatchObject({
      ...once,
      Namespace: 'AWS/ApiGateway',
      MetricName: '5xx',
      Dimensions: [{ Name: 'ApiId', Value: { Ref: idOf(tokens.httpFront.api) } }],
      Statistic: 'Sum',
    });
  });

  it('when a webhook cannot be read, and when they are answered nearly too late', () => {
    expect(alarms.get('WebhookUnreadable')).toMatchObject({
      ...once,
      MetricName: 'WebhookUnreadable',
    });
    expect(alarms.get('WebhookSlow')).toMatchObject({
      ...once,
      Threshold: 800,
      Namespace: 'AWS/Lambda',
      MetricName: 'Duration',
      ExtendedStatistic: 'p99',
      Dimensions: [
        { Name: 'FunctionName', Value: { Ref: idOf(tokens.functions['jobber-webhook']) } },
      ],
    });
  });

  it('when a disconnect is dated in the future', () => {
    expect(alarms.get('WebhookFromFuture')).toMatchObject({
      ...once,
      MetricName: 'WebhookFromFuture',
    });
  });

  describe('for silence of the webhooks', () => {
    const silence = (webhookSilenceAlarmDays: number) => {
      const { stack, properties } = synthesize({ webhookSilenceAlarmDays });
      const alarm = stack.monitoring.alarms.find(({ node }) => node.id === 'WebhookSilence');
      return alarm && properties(alarm);
    };
    const daily = (id: string, name: string) => ({
      Id: id,
      ReturnData: false,
      MetricStat: {
        Metric: {
          Namespace: 'JobberTokens',
          MetricName: name,
          Dimensions: [{ Name: 'service', Value: 'JobberTokens' }],
        },
        Period: 86_400,
        Stat: 'Sum',
      },
    });

    it('only if the owner says after how many days', () => {
      expect(alarms.has('WebhookSilence')).toBe(false);
    });

    it('when connections were refreshed on each of the days, and no webhook came', () => {
      const alarm = silence(3);
      expect(alarm).toMatchObject({
        Threshold: 1,
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        EvaluationPeriods: 3,
        TreatMissingData: 'notBreaching',
        AlarmDescription: expect.stringContaining('Developer Center'),
      });
      const metrics = alarm?.['Metrics'] as { Id: string }[];
      expect(metrics).toHaveLength(3);
      expect(metrics).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            Expression: 'IF(FILL(refreshes, 0) > 0 AND FILL(webhooks, 0) == 0, 1, 0)',
          }),
          daily('refreshes', 'RefreshSucceeded'),
          daily('webhooks', 'WebhookReceived'),
        ]),
      );
    });

    it.each([1, 7])('within what CloudWatch can look back: %d days', (days) => {
      expect(silence(days)).toMatchObject({ EvaluationPeriods: days });
    });

    it.each([0, 8, 1.5, Number.NaN])('not after %d days, and says why', (days) => {
      expect(() => silence(days)).toThrow(
        'webhookSilenceAlarmDays must be a whole number from 1 to 7: CloudWatch looks back a week.',
      );
    });
  });

  it.each(['ApiVersionUpgraded', 'ApiVersionWarning'])(
    'for a day at the first %s, and says what to do',
    (name) => {
      expect(alarms.get(name)).toMatchObject({
        ...once,
        AlarmDescription: expect.stringContaining('jobberGraphqlVersion'),
        Namespace: 'JobberTokens',
        MetricName: name,
        Statistic: 'Sum',
        Period: 86_400,
      });
    },
  );

  it.each(Object.entries(tokens.deadLetters))('at the first dead letter: %s', (name, queue) => {
    expect(alarms.get(`dead-letters-${name}`)).toMatchObject({
      ...once,
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': [idOf(queue), 'QueueName'] } }],
      Statistic: 'Maximum',
    });
  });

  it.each(Object.entries(tokens.functions))('at the first error of %s', (name, fn) => {
    expect(alarms.get(`errors-${name}`)).toMatchObject({
      ...once,
      Namespace: 'AWS/Lambda',
      MetricName: 'Errors',
      Dimensions: [{ Name: 'FunctionName', Value: { Ref: idOf(fn) } }],
      Statistic: 'Sum',
    });
  });
});

describe('somebody hears of it', () => {
  const [topic = ''] = Object.keys(
    template.findResources('AWS::SNS::TopicPolicy', {
      Properties: { Topics: [{ Ref: idOf(stack.monitoring.node.findChild('Topic')) }] },
    }),
  );

  it('by e-mail', () => {
    const own = { Ref: idOf(stack.monitoring.node.findChild('Topic')) };
    template.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'ops@example.com',
      TopicArn: own,
    });
    for (const alarm of alarms.values()) expect(alarm['AlarmActions']).toEqual([own]);
  });

  it('since CloudWatch, for this account, may write to the topic, and nobody without TLS', () => {
    expect(template.toJSON()['Resources'][topic].Properties.PolicyDocument.Statement).toMatchObject(
      [
        { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        {
          Effect: 'Allow',
          Action: 'sns:Publish',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } },
        },
      ],
    );
  });

  it('through a topic of the owner’s', () => {
    const own = { Ref: idOf(stack.node.findChild('Topic')) };
    const { alarms: others } = stack.node.findChild('OwnTopic') as Monitoring;
    expect(others).toHaveLength(alarms.size);
    for (const alarm of others) expect(properties(alarm)['AlarmActions']).toEqual([own]);
  });
});

describe('the metrics that are watched', () => {
  const body = JSON.stringify(synthesized.stack.resolve(properties(stack.monitoring.dashboard)));
  const onDashboard = [
    ...body.matchAll(/\\"JobberTokens\\",\\"(\w+)\\",\\"service\\",\\"(\w+)\\"/g),
  ].map(([, metric]) => metric ?? '');
  // It has an alarm, which the dashboard shows.
  const watched = new Set([...onDashboard, 'SweepLag']);

  it('are those that the functions write', () => {
    const sources = globSync('{functions,shared}/**/*.ts')
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    const written = [...sources.matchAll(/(?:count|seconds|milliseconds)\(([^)]*)\)/g)].flatMap(
      ([, call = '']) => [...call.matchAll(/'([A-Z]\w+)'/g)].map(([, metric]) => metric ?? ''),
    );
    expect([...watched].sort()).toEqual([...new Set(written)].sort());
  });

  it('are written under this namespace and service', () => {
    const { stdout } = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        "const { count, publishMetrics } = await import('./shared/runtime/telemetry.ts'); count('SweepQueued'); publishMetrics();",
      ],
      { env: { POWERTOOLS_SERVICE_NAME: 'JobberTokens' }, encoding: 'utf8' },
    );
    const metric = JSON.parse(stdout);
    expect(metric['_aws'].CloudWatchMetrics).toMatchObject([
      { Namespace: 'JobberTokens', Dimensions: [['service']] },
    ]);
    expect(metric).toMatchObject({ service: 'JobberTokens', SweepQueued: 1 });
  });
});

describe('the metrics of the construct', () => {
  it('are sums over five minutes, of this deployment alone', () => {
    expect(tokens.metric('WebhookReceived').toMetricConfig().metricStat).toMatchObject({
      namespace: 'JobberTokens',
      metricName: 'WebhookReceived',
      dimensions: [{ name: 'service', value: 'JobberTokens' }],
      statistic: 'Sum',
      period: Duration.minutes(5),
    });
  });

  it('take the options that every metric of CDK takes', () => {
    const options = { statistic: 'Average', period: Duration.hours(1) };
    expect(tokens.metric('SweepLag', options).toMetricConfig().metricStat).toMatchObject(options);
    expect(tokens.metricReconnects(options).toMetricConfig().metricStat).toMatchObject({
      ...options,
      metricName: 'ReconnectRequired',
    });
  });

  it.each([
    ['metricRefreshes', 'RefreshSucceeded', 'Sum'],
    ['metricRefreshFailures', 'RefreshUnknown', 'Sum'],
    ['metricReconnects', 'ReconnectRequired', 'Sum'],
    ['metricClientRejections', 'ClientRejected', 'Sum'],
    ['metricSweepLag', 'SweepLag', 'Maximum'],
    ['metricValidityLeft', 'ValidityLeft', 'Minimum'],
    ['metricTokenEndpointLatency', 'TokenEndpointLatency', 'p99'],
  ] as const)('%s is %s as %s', (method, metricName, statistic) => {
    expect(tokens[method]().toMetricConfig().metricStat).toMatchObject({ metricName, statistic });
  });
});

describe('the dashboard', () => {
  const body = JSON.stringify(properties(stack.monitoring.dashboard)['DashboardBody']);

  it('says whether everybody is connected, and what is wrong', () => {
    for (const title of [
      'Refreshed within the hour',
      'Connections lost within the day',
      'Left of a token when its refresh began',
      'Alarms',
      'What went wrong, and for whom',
    ]) {
      expect(body).toContain(title);
    }
  });

  it('shows every function, queue and alarm', () => {
    const { alarms: all } = stack.monitoring;
    for (const construct of [
      ...Object.values(tokens.functions),
      ...Object.values(tokens.functions).map((fn) => fn.logGroup),
      tokens.refreshQueue,
      tokens.escrowQueue,
      ...Object.values(tokens.deadLetters),
      ...all,
    ]) {
      expect(body).toContain(`"${idOf(construct)}"`);
    }
  });

  it('stays within the metrics that CloudWatch shows for nothing', () => {
    expect(body.split('\\"stat\\"').length - 1).toBeLessThanOrEqual(50);
  });
});
