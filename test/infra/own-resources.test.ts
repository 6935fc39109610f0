import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { Role } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import type { FunctionName } from '../../functions/manifest.ts';
import { JobberTokens } from '../../infra/jobber-tokens.ts';
import type { JobberTokensStackProps } from '../../infra/jobber-tokens-stack.ts';
import type { Statement } from './access.ts';
import { ACCOUNT, idOf, REGION, type Synthesized, synthesize } from './support.ts';

const KEY_ARN = `arn:aws:kms:${REGION}:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;
const SECRET_ARN = `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:mine`;

/** What the role of a function may do with a service, as its own policy says. */
function statementsOf(
  { stack, template }: Pick<Synthesized, 'stack' | 'template'>,
  name: FunctionName,
  service: string,
): Statement[] {
  const role = { Ref: idOf(stack.jobberTokens.functions[name].role as Role) };
  return Object.values(template.findResources('AWS::IAM::Policy'))
    .filter(({ Properties }) => JSON.stringify(Properties.Roles) === JSON.stringify([role]))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Statement[])
    .filter(({ Action }) => [Action].flat().some((action) => action.startsWith(`${service}:`)));
}

describe('removalPolicy', () => {
  const policies = (props: Partial<JobberTokensStackProps>) => {
    const { template } = synthesize(props);
    const kept = ['AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key', 'AWS::SecretsManager::Secret'];
    return kept.flatMap((type) =>
      Object.values(template.findResources(type)).map(({ DeletionPolicy }) => DeletionPolicy),
    );
  };

  it('keeps all that cannot be made again, unless the owner says otherwise', () => {
    // The last one is the signing secret: a new one ends only the connects that are under way.
    expect(policies({})).toEqual(['Retain', 'Retain', 'Retain', 'Retain', 'Delete']);
  });

  it('can be DESTROY: then the stack leaves nothing behind', () => {
    expect(policies({ removalPolicy: RemovalPolicy.DESTROY })).toEqual(Array(5).fill('Delete'));
  });

  it('decides whether the table is protected from deletion', () => {
    const isProtected = (removalPolicy: RemovalPolicy) => {
      const { stack, properties } = synthesize({ removalPolicy });
      return properties(stack.jobberTokens.table)['Replicas'];
    };
    expect(isProtected(RemovalPolicy.DESTROY)).toMatchObject([
      { DeletionProtectionEnabled: false },
    ]);
    expect(isProtected(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)).toMatchObject([
      { DeletionProtectionEnabled: true },
    ]);
  });
});

describe('a table key of the owner’s', () => {
  const imported = () => {
    const app = new App();
    const keys = new Stack(app, 'Keys');
    return synthesize({ tableKey: Key.fromKeyArn(keys, 'Key', KEY_ARN) });
  };

  it('encrypts the table, and no other key is made', () => {
    const { stack, template, properties } = imported();
    template.resourceCountIs('AWS::KMS::Key', 0);
    expect(properties(stack.jobberTokens.table)['Replicas']).toMatchObject([
      { SSESpecification: { KMSMasterKeyId: KEY_ARN } },
    ]);
    expect(stack.jobberTokens.tableKey.keyArn).toBe(KEY_ARN);
  });

  it('is used through DynamoDB alone, in the Region of the table', () => {
    const statements = statementsOf(imported(), 'get-token', 'kms');
    expect(statements).toMatchObject([
      {
        Resource: KEY_ARN,
        Condition: { StringEquals: { 'kms:ViaService': `dynamodb.${REGION}.amazonaws.com` } },
      },
    ]);
  });

  it('may be made in another stack of the app', () => {
    const app = new App();
    const env = { account: ACCOUNT, region: REGION };
    const key = new Key(new Stack(app, 'Keys', { env }), 'Key');
    const stack = new Stack(app, 'Owner', { env });
    const { table } = new JobberTokens(stack, 'Jobber', { clientId: 'client', tableKey: key });
    const { Replicas } = Template.fromStack(stack).toJSON()['Resources'][idOf(table)].Properties;
    expect(JSON.stringify(Replicas[0].SSESpecification)).toContain('Keys:ExportsOutput');
  });
});

describe('an app secret of the owner’s', () => {
  const stackOf = () =>
    new Stack(new App(), 'Secrets', { env: { account: ACCOUNT, region: REGION } });
  const withSecret = (appSecret: ISecret) => synthesize({ appSecret });
  const READERS = [
    'oauth-callback',
    'jobber-webhook',
    'get-token',
    'disconnect',
    'refresh-connection',
  ] as const;

  it('takes the place of the placeholder', () => {
    const secret = Secret.fromSecretCompleteArn(stackOf(), 'Mine', `${SECRET_ARN}-AbCdEf`);
    const { stack, template, properties } = withSecret(secret);
    template.resourceCountIs('AWS::SecretsManager::Secret', 2);
    expect(stack.jobberTokens.appSecret).toBe(secret);
    for (const name of READERS) {
      expect(properties(stack.jobberTokens.functions[name])['Environment']).toMatchObject({
        Variables: { APP_SECRET_ID: `${SECRET_ARN}-AbCdEf` },
      });
    }
  });

  it('is read by its whole ARN, if that is known', () => {
    const secret = Secret.fromSecretCompleteArn(stackOf(), 'Mine', `${SECRET_ARN}-AbCdEf`);
    const [first] = statementsOf(withSecret(secret), 'jobber-webhook', 'secretsmanager');
    expect(first).toMatchObject({ Resource: `${SECRET_ARN}-AbCdEf` });
  });

  it('is read by its name and any suffix of six characters, if only its name is known', () => {
    const byArn = Secret.fromSecretPartialArn(stackOf(), 'Mine', SECRET_ARN);
    const [first] = statementsOf(withSecret(byArn), 'jobber-webhook', 'secretsmanager');
    expect(first).toMatchObject({ Resource: `${SECRET_ARN}-??????` });

    const { stack } = synthesize({}, (owners) => {
      const byName = Secret.fromSecretNameV2(owners, 'ByName', 'mine');
      new JobberTokens(owners, 'Other', { clientId: 'client', appSecret: byName });
    });
    expect(JSON.stringify(Template.fromStack(stack).toJSON())).toContain(':secret:mine-??????');
  });

  it('is decrypted with its own key, through Secrets Manager alone', () => {
    const scope = stackOf();
    const secret = Secret.fromSecretAttributes(scope, 'Mine', {
      secretCompleteArn: `${SECRET_ARN}-AbCdEf`,
      encryptionKey: Key.fromKeyArn(scope, 'Key', KEY_ARN),
    });
    const synthesized = withSecret(secret);
    for (const name of READERS) {
      expect(statementsOf(synthesized, name, 'kms')).toContainEqual({
        Effect: 'Allow',
        Action: 'kms:Decrypt',
        Resource: KEY_ARN,
        Condition: {
          StringEquals: { 'kms:ViaService': `secretsmanager.${REGION}.amazonaws.com` },
        },
      });
    }
    expect(statementsOf(synthesized, 'jwks', 'kms')).toEqual([]);
  });
});
