import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { type QueueName, queues, routes, stream } from '../../functions/manifest.ts';
import { TABLE_DEFINITION } from '../../local/aws/tables.ts';
import { AppSecretNotSetError, readCredentials } from '../../shared/jobber/app-secret.ts';
import { idOf, synthesize } from './support.ts';
import { resolver } from './template-arns.ts';

const synthesized = synthesize();
const { stack, template, properties } = synthesized;
const { resolve } = resolver(synthesized);
const tokens = stack.jobberTokens;

const RETAINED = { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' };

describe('what must never be lost', () => {
  it('outlives the stack, under ids that no upgrade may change: another id is an empty table', () => {
    const retained = Object.entries(template.toJSON()['Resources'])
      .filter(([, resource]) => (resource as typeof RETAINED).DeletionPolicy === 'Retain')
      .map(([id]) => id);
    expect(retained.sort()).toEqual([
      'JobberTokensAppSecret50C5B711',
      'JobberTokensConnectionsKey1DC6FE4B',
      'JobberTokensConnectionsTable4B620AA6',
      'JobberTokensSealingSecret636BF8EC',
    ]);
    for (const id of retained) {
      expect(template.toJSON()['Resources'][id]).toMatchObject(RETAINED);
    }
  });
});

describe('the table', () => {
  const table = properties(tokens.table);

  it('is the one that the local system creates', () => {
    expect(table).toMatchObject(TABLE_DEFINITION);
  });

  it('is encrypted with a key of its own, which rotates', () => {
    expect(table['SSESpecification']).toEqual({ SSEEnabled: true, SSEType: 'KMS' });
    expect(properties(tokens.tableKey)['EnableKeyRotation']).toBe(true);
    expect(table['Replicas']).toMatchObject([
      { SSESpecification: { KMSMasterKeyId: { 'Fn::GetAtt': [idOf(tokens.tableKey), 'Arn'] } } },
    ]);
  });

  it('can be restored to any second, is not deleted by mistake, and lets no connection expire', () => {
    expect(table['Replicas']).toMatchObject([
      {
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      },
    ]);
    expect(table['TimeToLiveSpecification']).toEqual({
      AttributeName: 'endsAt',
      Enabled: true,
    });
  });
});

describe('the events', () => {
  it('are made of the table’s stream, old and new images, in order, until a dead letter', () => {
    expect(properties(tokens.table)['StreamSpecification']).toEqual({
      StreamViewType: 'NEW_AND_OLD_IMAGES',
    });
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: { 'Fn::GetAtt': [idOf(tokens.table), 'StreamArn'] },
      FunctionName: { Ref: idOf(tokens.functions[stream.consumer]) },
      BatchSize: stream.batchSize,
      BisectBatchOnFunctionError: true,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      MaximumRetryAttempts: stream.retryAttempts,
      MaximumRecordAgeInSeconds: 6 * 3600,
      StartingPosition: 'TRIM_HORIZON',
      FilterCriteria: {
        Filters: [
          { dynamodb: { NewImage: { status: { S: [{ 'anything-but': ['active'] }] } } } },
          { dynamodb: { OldImage: { status: { S: [{ 'anything-but': ['active'] }] } } } },
          { dynamodb: { NewImage: { rotation: { N: ['0'] } } } },
        ].map((pattern) => ({ Pattern: JSON.stringify(pattern) })),
      },
      DestinationConfig: {
        OnFailure: { Destination: { 'Fn::GetAtt': [idOf(tokens.deadLetters.events), 'Arn'] } },
      },
    });
  });
});

describe('the secrets', () => {
  it('of the app is a placeholder that says so; another one would overwrite what its owner has set', () => {
    const { SecretString } = properties(tokens.appSecret);
    expect(SecretString).toBe('{"clientId":"not set","clientSecret":"not set"}');
    expect(() => readCredentials(String(SecretString))).toThrow(AppSecretNotSetError);
  });

  it('that seals is generated', () => {
    expect(properties(tokens.sealingSecret)).toMatchObject({
      GenerateSecretString: { PasswordLength: 64, ExcludePunctuation: true },
    });
  });
});

describe('the queues', () => {
  const names = Object.keys(queues) as QueueName[];
  const queueOf = { refresh: tokens.refreshQueue, escrow: tokens.escrowQueue };

  it.each(names)('%s is as in the manifest, with dead letters', (name) => {
    const { visibilitySeconds, maxReceiveCount } = queues[name];
    expect(properties(queueOf[name])).toMatchObject({
      VisibilityTimeout: visibilitySeconds,
      RedrivePolicy: {
        maxReceiveCount,
        deadLetterTargetArn: { 'Fn::GetAtt': [idOf(tokens.deadLetters[name]), 'Arn'] },
      },
    });
  });

  it('hide a message for longer than its consumer may take', () => {
    const times = names.map((name) => [
      name,
      properties(tokens.functions[queues[name].consumer])['Timeout'],
      properties(queueOf[name])['VisibilityTimeout'],
    ]);
    expect(times).toEqual([
      ['refresh', 180, 1_080],
      ['escrow', 5, 10],
    ]);
  });

  it.each(names)('%s delivers to its consumer, which may fail in part', (name) => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: { 'Fn::GetAtt': [idOf(queueOf[name]), 'Arn'] },
      FunctionName: { Ref: idOf(tokens.functions[queues[name].consumer]) },
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: name === 'refresh' ? 10 : 2 },
    });
  });

  it('keep rotations and dead letters for 14 days, the longest there is', () => {
    for (const queue of [tokens.escrowQueue, ...Object.values(tokens.deadLetters)]) {
      expect(properties(queue)['MessageRetentionPeriod']).toBe(14 * 24 * 3600);
    }
  });

  it('are encrypted on the way; at rest by the default of SQS', () => {
    const all = Object.keys(template.findResources('AWS::SQS::Queue'));
    expect(all).toHaveLength(6);
    for (const id of all) {
      expect(template.toJSON()['Resources'][id].Properties).not.toHaveProperty(
        'SqsManagedSseEnabled',
        false,
      );
      template.hasResourceProperties('AWS::SQS::QueuePolicy', {
        Queues: [{ Ref: id }],
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: 'Deny',
              Action: 'sqs:*',
              Principal: { AWS: '*' },
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            }),
          ]),
        },
      });
    }
  });
});

describe('the HTTP API', () => {
  it('has the routes of the manifest and no others', () => {
    const found = Object.values(template.findResources('AWS::ApiGatewayV2::Route')).map(
      ({ Properties }) => {
        const integration = resolve<string>(Properties.Target).split('/')[1] ?? '';
        const uri = template.toJSON()['Resources'][integration].Properties.IntegrationUri;
        return [Properties.RouteKey, uri['Fn::GetAtt'][0]];
      },
    );
    expect(found).toEqual(
      Object.entries(routes).map(([route, name]) => [route, idOf(tokens.functions[name])]),
    );
  });

  const stage = properties(tokens.httpFront.stage);

  it('is throttled', () => {
    expect(stage).toMatchObject({
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 },
    });
  });

  it('logs no query string, header or body of a request', () => {
    const { Format } = stage['AccessLogSettings'] as { Format: string };
    expect(Format.match(/\$context\.[\w.]+/g)).toEqual([
      '$context.requestTime',
      '$context.requestId',
      '$context.identity.sourceIp',
      '$context.routeKey',
      '$context.status',
      '$context.responseLength',
      '$context.responseLatency',
      '$context.integrationErrorMessage',
    ]);
    expect(Format.match(/\$/g)).toHaveLength(8);
  });
});

describe('the sweep', () => {
  it('runs every 5 minutes, and leaves a dead letter if it cannot', () => {
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(5 minutes)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      Target: {
        Arn: { 'Fn::GetAtt': [idOf(tokens.functions['refresh-sweep']), 'Arn'] },
        Input: '{"scheduledTime":"<aws.scheduler.scheduled-time>"}',
        RetryPolicy: { MaximumEventAgeInSeconds: 300, MaximumRetryAttempts: 3 },
        DeadLetterConfig: { Arn: { 'Fn::GetAtt': [idOf(tokens.deadLetters.sweep), 'Arn'] } },
      },
    });
  });

  it('is over before the next one, and is not repeated beside it', () => {
    expect(properties(tokens.functions['refresh-sweep'])['Timeout']).toBeLessThan(300);
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: idOf(tokens.functions['refresh-sweep']) },
      MaximumEventAgeInSeconds: 300,
      MaximumRetryAttempts: 0,
    });
  });
});

describe('the outputs', () => {
  it('say what to register at Jobber, what to invoke, and how to set the secret', () => {
    const outputs = Object.entries(template.findOutputs('*')).map(([name, { Value }]) => [
      name,
      resolve(Value),
    ]);
    const { httpFront, functions, appSecret, sealingSecret, signingSecret } = tokens;
    expect(Object.fromEntries(outputs)).toEqual({
      CallbackUrl: `https://${idOf(httpFront.api)}.execute-api.us-east-1.amazonaws.com/oauth/callback`,
      WebhookUrl: `https://${idOf(httpFront.api)}.execute-api.us-east-1.amazonaws.com/webhooks/jobber`,
      ManageAppUrl: `https://${idOf(httpFront.api)}.execute-api.us-east-1.amazonaws.com/oauth/manage`,
      EventBusName: idOf(tokens.eventBus),
      GetTokenFunction: idOf(functions['get-token']),
      CreateConnectLinkFunction: idOf(functions['create-connect-link']),
      DisconnectFunction: idOf(functions.disconnect),
      TableName: idOf(tokens.table),
      SealingSecretArn: `arn:aws:secretsmanager:us-east-1:111122223333:secret:${idOf(sealingSecret)}-AbCdEf`,
      SigningSecretArn: `arn:aws:secretsmanager:us-east-1:111122223333:secret:${idOf(signingSecret)}-AbCdEf`,
      SetAppSecret:
        'aws secretsmanager put-secret-value --region us-east-1 --secret-id ' +
        `arn:aws:secretsmanager:us-east-1:111122223333:secret:${idOf(appSecret)}-AbCdEf ` +
        '--secret-string file://jobber-app.json',
    });
  });
});
