import { Duration, Stack, Stage, Tags, Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { MultiRegionConsistency } from 'aws-cdk-lib/aws-dynamodb';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { HostedZone } from 'aws-cdk-lib/aws-route53';
import recommended from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { JobberTokens } from '../../infra/jobber-tokens.ts';
import { Monitoring } from '../../infra/monitoring.ts';
import { ACCOUNT, cdkJson, idOf, REGION, synthesize, testApp } from './support.ts';

const replica = (region: string) => ({
  region,
  keyArn: `arn:aws:kms:${region}:111122223333:key/0`,
});

describe('replica Regions', () => {
  it('are strongly consistent, and as protected as the first', () => {
    const { stack, properties } = synthesize({
      replicas: [replica('us-east-2')],
      witnessRegion: 'us-west-2',
    });
    const table = properties(stack.jobberTokens.table);
    expect(table).toMatchObject({
      MultiRegionConsistency: 'STRONG',
      GlobalTableWitnesses: [{ Region: 'us-west-2' }],
    });
    const replicas = table['Replicas'] as object[];
    expect(replicas).toHaveLength(2);
    for (const each of replicas) {
      expect(each).toMatchObject({
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { KMSMasterKeyId: expect.anything() },
      });
    }
  });

  it('are refused where strong consistency does not exist', () => {
    expect(() => synthesize({ replicas: [replica('us-east-2')] })).toThrow(
      'must have exactly 3 replicas',
    );
    expect(() => synthesize({ replicas: [replica('us-east-2'), replica('eu-west-1')] })).toThrow(
      'not in the same region set',
    );
  });

  it('are refused with eventual consistency, where the last writer wins', () => {
    expect(() =>
      synthesize({
        replicas: [replica('us-east-2'), replica('us-west-2')],
        multiRegionConsistency: MultiRegionConsistency.EVENTUAL,
      }),
    ).toThrow('would lose rotations');
  });
});

describe('a domain of the owner’s', () => {
  const zone = { hostedZoneId: 'Z123', zoneName: 'example.com' };
  const { stack, template, properties } = synthesize({}, (owners) => {
    new JobberTokens(owners, 'WithDomain', {
      clientId: 'client',
      domain: {
        name: 'jobber.example.com',
        certificate: Certificate.fromCertificateArn(
          owners,
          'Certificate',
          'arn:aws:acm:us-east-1:111122223333:certificate/0',
        ),
        hostedZone: HostedZone.fromHostedZoneAttributes(owners, 'Zone', zone),
      },
    });
  });
  const { functions, httpFront, callbackUrl } = stack.node.findChild('WithDomain') as JobberTokens;

  it('is what Jobber and the browsers see', () => {
    expect(callbackUrl).toBe('https://jobber.example.com/oauth/callback');
    for (const name of ['oauth-connect', 'oauth-callback'] as const) {
      expect(properties(functions[name])['Environment']).toMatchObject({
        Variables: { PUBLIC_URL: 'https://jobber.example.com' },
      });
    }
  });

  it('is the only way in', () => {
    expect(properties(httpFront.api)).toMatchObject({ DisableExecuteApiEndpoint: true });
    template.hasResourceProperties('AWS::ApiGatewayV2::DomainName', {
      DomainName: 'jobber.example.com',
      DomainNameConfigurations: [{ EndpointType: 'REGIONAL', SecurityPolicy: 'TLS_1_2' }],
    });
    template.hasResourceProperties('AWS::ApiGatewayV2::ApiMapping', {
      ApiId: { Ref: idOf(httpFront.api) },
      Stage: '$default',
    });
  });

  it('has its record', () => {
    template.hasResourceProperties('AWS::Route53::RecordSet', {
      Type: 'A',
      Name: 'jobber.example.com.',
      HostedZoneId: 'Z123',
    });
  });
});

describe('settings', () => {
  it('reach the functions that read them', () => {
    const { stack, template, properties } = synthesize({
      returnToOrigins: ['https://app.example.com', 'https://example.org:8443'],
      marketplaceConnect: false,
      jobberGraphqlVersion: '2026-01-15',
      maxConcurrentRefreshes: 25,
      keepWarm: Duration.days(7),
      requestsPerSecond: 5,
      connectsPerSecond: 3,
      clientId: 'my-app',
      postConnectUrl: 'https://app.example.com/connected',
      manageUrl: 'https://app.example.com/jobber',
      logRetention: RetentionDays.ONE_WEEK,
    });
    const { functions, httpFront } = stack.jobberTokens;
    expect(properties(functions['oauth-callback'])['Environment']).toMatchObject({
      Variables: {
        RETURN_TO_ORIGINS: 'https://app.example.com,https://example.org:8443',
        POST_CONNECT_URL: 'https://app.example.com/connected',
        MANAGE_URL: 'https://app.example.com/jobber',
        JOBBER_GRAPHQL_VERSION: '2026-01-15',
      },
    });
    expect(properties(functions['oauth-connect'])['Environment']).toMatchObject({
      Variables: { CLIENT_ID: 'my-app', MARKETPLACE_CONNECT: 'deny' },
    });
    expect(properties(httpFront.stage)).toMatchObject({
      DefaultRouteSettings: { ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10 },
      RouteSettings: Object.fromEntries(
        ['connect', 'manage', 'callback'].map((path) => [
          `GET /oauth/${path}`,
          { ThrottlingRateLimit: 3, ThrottlingBurstLimit: 6 },
        ]),
      ),
    });
    expect(properties(functions['refresh-connection'])['Environment']).toMatchObject({
      Variables: { KEEP_WARM_HOURS: '168' },
    });
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      ScalingConfig: { MaximumConcurrency: 25 },
    });
    expect(properties(functions['get-token'].logGroup)).toEqual({ RetentionInDays: 7 });
  });

  it('keep connections warm for ever, or for a number of hours that is none', () => {
    const { stack, properties } = synthesize({ keepWarm: 'forever' });
    expect(
      properties(stack.jobberTokens.functions['refresh-connection'])['Environment'],
    ).toMatchObject({ Variables: { KEEP_WARM_HOURS: 'forever' } });
    expect(() => synthesize({ keepWarm: Duration.minutes(90) })).toThrow(/whole number of hours/);
  });

  it.each(['app.example.com', 'https://app.example.com/', 'https://app.example.com/path', '*'])(
    'refuse %s as an origin to return to',
    (origin) => {
      expect(() => synthesize({ returnToOrigins: [origin] })).toThrow(
        `returnToOrigins: '${origin}' is not an origin such as https://example.com.`,
      );
    },
  );

  it.each(['postConnectUrl', 'manageUrl'] as const)('refuse a %s of another scheme', (name) => {
    expect(() => synthesize({ [name]: 'javascript:alert(1)' })).toThrow(
      `${name}: 'javascript:alert(1)' is not a URL such as https://app.example.com/jobber.`,
    );
  });
});

describe('a stack that does not know its Region', () => {
  const stackWithoutRegion = () => new Stack(testApp(), 'NoRegion');

  it('has the same table, encrypted with the same key', () => {
    const stack = stackWithoutRegion();
    const { table, tableKey } = new JobberTokens(stack, 'JobberTokens', { clientId: 'client' });
    const { stack: other, properties } = synthesize();
    const own = Template.fromStack(stack).toJSON()['Resources'][idOf(table)];
    expect(own).toMatchObject({
      Type: 'AWS::DynamoDB::GlobalTable',
      Properties: {
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
        Replicas: [
          { SSESpecification: { KMSMasterKeyId: { 'Fn::GetAtt': [idOf(tableKey), 'Arn'] } } },
        ],
      },
    });
    const known = JSON.stringify(properties(other.jobberTokens.table))
      .replaceAll(`"${REGION}"`, '{"Ref":"AWS::Region"}')
      .replaceAll(idOf(other.jobberTokens.tableKey), idOf(tableKey));
    expect(own.Properties).toEqual(JSON.parse(known));
  });

  it('lets functions of the owner’s use the key through the table’s grants', () => {
    const stack = stackWithoutRegion();
    const { table, tableKey } = new JobberTokens(stack, 'JobberTokens', { clientId: 'client' });
    table.grantReadData(callerIn(stack, 'Caller'));
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: Match.arrayWith(['kms:Decrypt']),
            Resource: { 'Fn::GetAtt': [idOf(tableKey), 'Arn'] },
          }),
        ]),
      },
      Roles: [{ Ref: Match.stringLikeRegexp('^Caller') }],
    });
  });

  it('cannot have replicas, and says what to do', () => {
    const replicas = [replica('us-east-2'), replica('us-west-2')];
    expect(
      () => new JobberTokens(stackWithoutRegion(), 'Jobber', { clientId: 'client', replicas }),
    ).toThrow('Replicas need a stack that knows its Region: give it env: { region }.');
  });
});

/** A function of the owner's. */
const callerIn = (stack: Stack, id: string) =>
  new LambdaFunction(stack, id, {
    code: Code.fromInline('exports.handler = () => {}'),
    handler: 'index.handler',
    runtime: Runtime.NODEJS_24_X,
  });

describe('in an app of the owner’s', () => {
  it('tells a function which one to invoke', () => {
    const { stack, properties } = synthesize({}, (owners) => {
      owners.jobberTokens.grantGetToken(callerIn(owners, 'Caller'));
    });
    expect(properties(stack.node.findChild('Caller'))['Environment']).toEqual({
      Variables: {
        JOBBER_TOKENS_GET_TOKEN_FUNCTION: { Ref: idOf(stack.jobberTokens.functions['get-token']) },
      },
    });
  });
});

describe('two apps in one stack', () => {
  function twoApps() {
    const stack = new Stack(testApp(), 'Owner', { env: { account: ACCOUNT, region: REGION } });
    const both = ['One', 'Two'].map((id) => {
      const tokens = new JobberTokens(stack, id, { clientId: id });
      return { tokens, monitoring: new Monitoring(stack, `Monitoring${id}`, tokens, {}) };
    });
    return { stack, both };
  }

  it('tell their metrics and alarms from each other', () => {
    const { stack, both } = twoApps();
    const names = both.map(({ tokens }) => tokens.serviceName);
    expect(names).toEqual(['Owner-One', 'Owner-Two']);
    const resources = Template.fromStack(stack).toJSON()['Resources'];
    for (const [index, { monitoring }] of both.entries()) {
      const own = monitoring.alarms.map((alarm) => resources[idOf(alarm)].Properties.Dimensions);
      expect(own).toContainEqual([{ Name: 'service', Value: names[index] }]);
      expect(own).not.toContainEqual([{ Name: 'service', Value: names[1 - index] }]);
    }
  });

  it('have no name in common that AWS allows once', () => {
    const resources: Record<string, { Type: string; Properties?: Record<string, unknown> }> =
      Template.fromStack(twoApps().stack).toJSON()['Resources'];
    const named = Object.values(resources).flatMap(({ Type, Properties = {} }) =>
      Object.entries(Type.startsWith('AWS::ApiGatewayV2::') ? {} : Properties)
        // APIs may share a name, and each has stages of its own. The name of a thing itself is its type's, such as TableName, or plain Name; the others name what it belongs to.
        .filter(([key]) => key === 'Name' || Type.endsWith(`::${key.replace(/Name$/, '')}`))
        .map(([, value]) => `${Type} ${JSON.stringify(value)}`),
    );
    expect(Object.keys(resources).length).toBeGreaterThan(100);
    expect(named.length).toBeGreaterThan(0);
    expect(new Set(named).size).toBe(named.length);
  });

  it('may be in two stages', () => {
    const app = testApp();
    const names = ['Beta', 'Production'].map((id) => {
      const stack = new Stack(new Stage(app, id), 'Owner', { env: { region: REGION } });
      return new JobberTokens(stack, 'JobberTokens', { clientId: 'client' }).serviceName;
    });
    expect(names).toEqual(['Beta-Owner', 'Production-Owner']);
    expect(() => app.synth()).not.toThrow();
  });

  it('serve one function, each by a variable of its own', () => {
    const { stack, both } = twoApps();
    const caller = callerIn(stack, 'Caller');
    const [one, two] = both;
    one?.tokens.grantGetToken(caller);
    one?.tokens.grantGetToken(caller);
    expect(() => two?.tokens.grantGetToken(caller)).toThrow(
      'JOBBER_TOKENS_GET_TOKEN_FUNCTION of Owner/Caller already names a function of Owner/One. ' +
        'Give that of Owner/Two a variable of its own, as the second argument.',
    );
    two?.tokens.grantGetToken(caller, 'OTHER_GET_TOKEN_FUNCTION');
    two?.tokens.grantGetToken(callerIn(stack, 'Other'));
    const { Environment } =
      Template.fromStack(stack).toJSON()['Resources'][idOf(caller)].Properties;
    expect(Object.keys(Environment.Variables)).toEqual([
      'JOBBER_TOKENS_GET_TOKEN_FUNCTION',
      'OTHER_GET_TOKEN_FUNCTION',
    ]);
  });
});

describe('tags on the construct', () => {
  it('reach all that can have one', () => {
    const { stack, template, properties } = synthesize({}, (owners) => {
      Tags.of(owners.jobberTokens).add('team', 'sync');
    });
    const tag = { Key: 'team', Value: 'sync' };
    const { table, tableKey, appSecret, functions, refreshQueue, deadLetters } = stack.jobberTokens;
    expect(properties(table)['Replicas']).toMatchObject([{ Tags: [tag] }]);
    for (const construct of [
      tableKey,
      appSecret,
      refreshQueue,
      ...Object.values(functions),
      ...Object.values(functions).map(({ logGroup }) => logGroup),
      ...Object.values(deadLetters),
    ]) {
      expect(properties(construct)['Tags']).toEqual([tag]);
    }
    template.hasResourceProperties('AWS::ApiGatewayV2::Api', { Tags: { team: 'sync' } });
    template.hasResourceProperties('AWS::Events::EventBus', { Tags: [tag] });
  });
});

describe('every setting at once', () => {
  it('violates no rule of cdk-nag, which would end the synthesis', () => {
    const vpc = Vpc.fromVpcAttributes(new Stack(), 'Vpc', {
      vpcId: 'vpc-0',
      availabilityZones: ['us-east-1a'],
      privateSubnetIds: ['subnet-0'],
    });
    const replicas = [replica('us-east-2'), replica('us-west-2')];
    synthesize({ alarmEmail: 'ops@example.com', replicas, vpc }, ({ node: { root } }) => {
      Validations.of(root).addPlugins(new AwsSolutionsChecks(root), new ServerlessChecks(root));
    });
  });
});

describe('cdk.json', () => {
  it('sets every feature flag that this version of CDK recommends, as it does', () => {
    expect(cdkJson.context).toMatchObject(recommended);
    expect(Object.keys(recommended).length).toBeGreaterThan(80);
  });
});
