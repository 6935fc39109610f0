import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { IConstruct } from 'constructs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FunctionName, functions, routes } from '../../functions/manifest.ts';
import {
  type Attempt,
  allowedOf,
  everyAttempt,
  isAllowed,
  type Policies,
  SERVICES,
  type Statement,
} from './access.ts';
import { ACCOUNT, idOf, synthesize } from './support.ts';
import { arn, resolver } from './template-arns.ts';

const TABLE_KEY_TO_READ = on('tableKey through DynamoDB', 'kms:Decrypt', 'kms:DescribeKey');
const TABLE_KEY = [
  ...TABLE_KEY_TO_READ,
  ...on(
    'tableKey through DynamoDB',
    'kms:Encrypt',
    'kms:GenerateDataKey',
    'kms:GenerateDataKeyWithoutPlaintext',
    'kms:ReEncryptFrom',
    'kms:ReEncryptTo',
  ),
];
const SWEEP_ITEM = 'table, the item of the sweep';
const onItems = (action: string) => [...on('table', action), ...on(SWEEP_ITEM, action)];
const UPDATE = [...onItems('dynamodb:UpdateItem'), ...TABLE_KEY];
const READ_AND_UPDATE = [...onItems('dynamodb:GetItem'), ...UPDATE];
const SECRETS = [
  ...on('appSecret', 'secretsmanager:GetSecretValue'),
  ...on('sealingSecret', 'secretsmanager:GetSecretValue'),
];
const SIGNING = on('signingSecret', 'secretsmanager:GetSecretValue');
const ESCROW = on('escrow', 'sqs:SendMessage');
const PUT_EVENTS = on('eventBus', 'events:PutEvents');
const receive = (queue: string) =>
  on(queue, 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes');

/** The table of the design. */
const MAY: Record<FunctionName, string[]> = {
  'oauth-connect': SIGNING,
  'oauth-callback': [...UPDATE, ...SECRETS, ...SIGNING],
  jwks: SIGNING,
  'jobber-webhook': [
    ...READ_AND_UPDATE,
    ...on('appSecret', 'secretsmanager:GetSecretValue'),
    ...PUT_EVENTS,
  ],
  'create-connect-link': SIGNING,
  'get-token': [...READ_AND_UPDATE, ...SECRETS, ...ESCROW],
  disconnect: [...READ_AND_UPDATE, ...SECRETS, ...ESCROW],
  'refresh-sweep': [
    ...on('table/index/sweep', 'dynamodb:Query', 'dynamodb:Scan'),
    ...on('table/index/appeals', 'dynamodb:Query'),
    ...on(SWEEP_ITEM, 'dynamodb:GetItem', 'dynamodb:UpdateItem'),
    ...TABLE_KEY,
    ...on('refresh', 'sqs:SendMessage'),
  ],
  'refresh-connection': [
    ...READ_AND_UPDATE,
    ...SECRETS,
    ...ESCROW,
    ...receive('refresh'),
    ...on('refresh', 'sqs:SendMessage'),
  ],
  'publish-changes': [
    ...on(
      'table/stream',
      'dynamodb:DescribeStream',
      'dynamodb:GetRecords',
      'dynamodb:GetShardIterator',
    ),
    ...on('*', 'dynamodb:ListStreams'),
    ...TABLE_KEY_TO_READ,
    ...PUT_EVENTS,
    ...on('events dead letters', 'sqs:SendMessage'),
  ],
  'save-rotation': [...READ_AND_UPDATE, ...receive('escrow')],
};

function on(resource: string, ...actions: string[]): string[] {
  return actions.map((action) => `${action} on ${resource}`);
}

const names = Object.keys(functions) as FunctionName[];

const synthesized = synthesize({}, (owners) => {
  const caller = new LambdaFunction(owners, 'Caller', {
    code: Code.fromInline('exports.handler = () => {}'),
    handler: 'index.handler',
    runtime: Runtime.NODEJS_24_X,
  });
  owners.jobberTokens.grantGetToken(caller);
  owners.jobberTokens.grantDisconnect(caller);
  owners.jobberTokens.grantCreateConnectLink(caller);
});
const { stack } = synthesized;
const { resources, resolve, arnOf } = resolver(synthesized);
const tokens = stack.jobberTokens;

const arnsOf = (constructs: Readonly<Record<string, IConstruct>>) =>
  Object.fromEntries(
    Object.entries(constructs).map(([name, construct]) => [name, arnOf(idOf(construct))]),
  );

const table = arnOf(idOf(tokens.table));
/** All that the stack has, under the names used above, and what it has not. */
const targets: Record<string, string> = {
  table,
  'table/index/sweep': `${table}/index/sweep`,
  'table/index/appeals': `${table}/index/appeals`,
  'table/index/other': `${table}/index/other`,
  'table/stream': `${table}/stream/2026-11-23T00:00:00.000`,
  'other table': arn('dynamodb', 'table/other'),
  'other table/stream': arn('dynamodb', 'table/other/stream/2026-11-23T00:00:00.000'),
  'other table/index/sweep': arn('dynamodb', 'table/other/index/sweep'),
  ...arnsOf({
    tableKey: tokens.tableKey,
    appSecret: tokens.appSecret,
    sealingSecret: tokens.sealingSecret,
    signingSecret: tokens.signingSecret,
    refresh: tokens.refreshQueue,
    escrow: tokens.escrowQueue,
    eventBus: tokens.eventBus,
    ...tokens.functions,
  }),
  ...Object.fromEntries(
    Object.entries(arnsOf(tokens.deadLetters)).map(([name, each]) => [
      `${name} dead letters`,
      each,
    ]),
  ),
  ...Object.fromEntries(
    names.map((name) => [
      `log of ${name}`,
      arn('logs', `log-group:${idOf(tokens.functions[name].logGroup)}:log-stream:stream`),
    ]),
  ),
  ...Object.fromEntries(
    names.map((name) => [`version of ${name}`, `${arnOf(idOf(tokens.functions[name]))}:1`]),
  ),
  'other key': arn('kms', 'key/00000000-0000-0000-0000-000000000000'),
  'other secret': arn('secretsmanager', 'secret:other-AbCdEf'),
  'other queue': arn('sqs', 'other'),
  'other function': arn('lambda', 'function:other'),
  'other log': arn('logs', 'log-group:other:log-stream:stream'),
  'other log group': arn('logs', 'log-group:other'),
  'event bus': arn('events', 'event-bus/default'),
  rule: arn('events', 'rule/other'),
  schedule: arn('scheduler', 'schedule/default/other'),
  topic: arn('sns', 'other'),
};

const byType = (type: string) =>
  Object.entries(resources).filter(([, resource]) => resource.Type === type);

interface AttachedPolicy {
  readonly Roles: string[];
  readonly PolicyDocument: { readonly Statement: Statement[] };
}

function statementsOf(roleId: string): Statement[] {
  return byType('AWS::IAM::Policy').flatMap(([, { Properties }]) => {
    const { Roles, PolicyDocument } = resolve<AttachedPolicy>(Properties);
    return Roles.includes(roleId) ? PolicyDocument.Statement : [];
  });
}

const roleOf = (construct: IConstruct) =>
  idOf(construct instanceof LambdaFunction ? (construct.role as IConstruct) : construct);

const caller = stack.node.findChild('Caller');
const sweepSchedule = tokens.node.findChild('Sweep').node.findChild('Role');

/** Every role of the stack, and all that it may. */
const roles: [name: string, id: string, may: string[]][] = [
  ...names.map((name): [string, string, string[]] => [
    name,
    roleOf(tokens.functions[name]),
    [
      ...MAY[name],
      ...on(`log of ${name}`, 'logs:CreateLogStream', 'logs:PutLogEvents'),
      // Traces have no resource to name.
      ...on('*', 'xray:PutTelemetryRecords', 'xray:PutTraceSegments'),
    ],
  ]),
  [
    'the schedule of the sweep',
    roleOf(sweepSchedule),
    [
      ...on('refresh-sweep', 'lambda:InvokeFunction'),
      ...on('sweep dead letters', 'sqs:SendMessage'),
    ],
  ],
  [
    'a function of the owner’s',
    roleOf(caller),
    ['get-token', 'disconnect', 'create-connect-link'].flatMap((name) =>
      on(name, 'lambda:InvokeFunction'),
    ),
  ],
];

/** The policies of the queues and of the keys; no other resource has one. */
const ofResources: Record<string, unknown> = {
  ...Object.fromEntries(
    byType('AWS::SQS::QueuePolicy').flatMap(([, { Properties }]) => {
      const { PolicyDocument } = resolve<AttachedPolicy>(Properties);
      const queues = Properties['Queues'] as { Ref: string }[];
      return queues.map((queue) => [arnOf(queue.Ref), PolicyDocument]);
    }),
  ),
  ...Object.fromEntries(
    ['tableKey', 'other key'].map((name) => [
      targets[name],
      resolve(synthesized.properties(tokens.tableKey)['KeyPolicy']),
    ]),
  ),
};

let attempts: Attempt[];
beforeAll(async () => {
  attempts = await everyAttempt(targets);
}, 60_000);

describe('what a role may', () => {
  it.each(roles)(
    '%s: what the design says, and nothing else',
    async (_name, id, may) => {
      const policies = { statements: statementsOf(id), ofResources };
      expect(await allowedOf(attempts, policies)).toEqual([...may].sort());
    },
    60_000,
  );

  it.each(roles)(
    '%s: any statement that is widened is noticed',
    async (_name, id, may) => {
      const statements = statementsOf(id);
      expect(statements).not.toEqual([]);
      for (const [index, statement] of statements.entries()) {
        for (const wider of widened(statement)) {
          const policies = { statements: statements.with(index, wider), ofResources };
          expect(
            await firstBeyond(may, serviceOf(wider), policies),
            JSON.stringify(wider),
          ).toBeDefined();
        }
      }
    },
    60_000,
  );

  it('is said by these policies alone, of services that the tests know', () => {
    expect(
      byType('AWS::IAM::Role')
        .map(([id]) => id)
        .sort(),
    ).toEqual(roles.map(([, id]) => id).sort());
    expect(byType('AWS::IAM::ManagedPolicy')).toEqual([]);
    for (const [, id] of roles) {
      const { ManagedPolicyArns, Policies } = resources[id]?.Properties ?? {};
      if (id !== roleOf(caller))
        expect([ManagedPolicyArns, Policies]).toEqual([undefined, undefined]);
      for (const statement of statementsOf(id)) {
        expect(Object.keys(statement)).toEqual(expect.arrayContaining(['Action', 'Resource']));
        expect(statement).not.toHaveProperty('NotAction');
        expect(statement).not.toHaveProperty('NotResource');
        for (const action of [statement.Action].flat()) {
          expect(SERVICES).toContain(action.split(':')[0]);
        }
      }
    }
  });
});

/** Every action of its service, every resource, without its condition. */
const widened = ({ Condition, ...statement }: Statement): Statement[] => {
  const condition = Condition === undefined ? {} : { Condition };
  return [
    { ...statement, ...condition, Action: `${serviceOf(statement)}:*` },
    ...(statement.Resource === '*' ? [] : [{ ...statement, ...condition, Resource: '*' }]),
    ...(Condition === undefined ? [] : [statement]),
  ];
};

const serviceOf = ({ Action }: Statement) => String([Action].flat()[0]).split(':')[0];

async function firstBeyond(
  may: string[],
  service: string | undefined,
  policies: Policies,
): Promise<string | undefined> {
  for (const attempt of attempts) {
    if (attempt.service !== service || may.includes(attempt.name)) continue;
    if (await isAllowed(attempt, policies)) return attempt.name;
  }
  return undefined;
}

describe('who may take a role, or invoke a function', () => {
  it('is Lambda, and for the sweep’s schedule the Scheduler on behalf of this account', () => {
    for (const [name, id] of roles) {
      const document = resolve<{ Statement: unknown[] }>(
        resources[id]?.Properties['AssumeRolePolicyDocument'],
      );
      const [service, condition] =
        name === 'the schedule of the sweep'
          ? ['scheduler', { Condition: { StringEquals: { 'aws:SourceAccount': ACCOUNT } } }]
          : ['lambda', {}];
      expect(document.Statement).toEqual([
        {
          Action: 'sts:AssumeRole',
          Effect: 'Allow',
          Principal: { Service: `${service}.amazonaws.com` },
          ...condition,
        },
      ]);
    }
  });

  it('is API Gateway, for the route alone', () => {
    const permissions = byType('AWS::Lambda::Permission').map(([, { Properties }]) =>
      resolve<Record<string, string>>(Properties),
    );
    expect(
      permissions.map(({ FunctionName, SourceArn = '' }) => [FunctionName, SourceArn]),
    ).toEqual(
      Object.entries(routes).map(([route, name]) => [
        arnOf(idOf(tokens.functions[name])),
        arn('execute-api', `${idOf(tokens.httpFront.api)}/*/*${route.split(' ')[1]}`),
      ]),
    );
    for (const { Action, Principal } of permissions) {
      expect([Action, Principal]).toEqual(['lambda:InvokeFunction', 'apigateway.amazonaws.com']);
    }
  });
});
