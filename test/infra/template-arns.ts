import { ACCOUNT, REGION, type Synthesized } from './support.ts';

interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
}

const ARN_OF: Record<string, (name: string) => string> = {
  'AWS::DynamoDB::GlobalTable': (name) => arn('dynamodb', `table/${name}`),
  'AWS::Events::EventBus': (name) => arn('events', `event-bus/${name}`),
  'AWS::KMS::Key': () => arn('kms', 'key/1234abcd-12ab-34cd-56ef-1234567890ab'),
  'AWS::SecretsManager::Secret': (name) => arn('secretsmanager', `secret:${name}-AbCdEf`),
  'AWS::SQS::Queue': (name) => arn('sqs', name),
  'AWS::Lambda::Function': (name) => arn('lambda', `function:${name}`),
  'AWS::Logs::LogGroup': (name) => arn('logs', `log-group:${name}:*`),
  'AWS::IAM::Role': (name) => `arn:aws:iam::${ACCOUNT}:role/${name}`,
};

export const arn = (service: string, rest: string) =>
  `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;

/** What CloudFormation would make of a template: names are logical ids, ARNs are those of {@link ACCOUNT}. */
export function resolver({ template }: Pick<Synthesized, 'template'>) {
  const resources: Record<string, Resource> = template.toJSON()['Resources'];

  function arnOf(logicalId: string): string {
    const make = ARN_OF[resources[logicalId]?.Type ?? ''];
    if (!make) throw new Error(`No ARN is known of ${logicalId}.`);
    return make(logicalId);
  }

  function resolve<T>(value: unknown): T {
    return walk(value) as T;
  }

  function walk(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    const [[key, argument] = ['', undefined], ...others] = Object.entries(value);
    if (others.length === 0) {
      if (key === 'Ref') return ref(argument);
      if (key === 'Fn::GetAtt') return getAtt(argument);
      if (key === 'Fn::Join') return (walk(argument[1]) as string[]).join(argument[0]);
      if (key.startsWith('Fn::')) throw new Error(`${key} is not resolved here.`);
    }
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, walk(part)]));
  }

  function ref(logicalId: string): string {
    if (logicalId === 'AWS::Partition') return 'aws';
    const type = resources[logicalId]?.Type;
    // What CloudFormation returns for `Ref` differs by type.
    if (type === 'AWS::SecretsManager::Secret') return arnOf(logicalId);
    if (type === 'AWS::SQS::Queue')
      return `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${logicalId}`;
    return logicalId;
  }

  function getAtt([logicalId, attribute]: [string, string]): string {
    if (attribute === 'Arn') return arnOf(logicalId);
    if (attribute === 'StreamArn') return `${arnOf(logicalId)}/stream/2026-11-23T00:00:00.000`;
    if (attribute === 'ApiEndpoint')
      return `https://${logicalId}.execute-api.${REGION}.amazonaws.com`;
    throw new Error(`${logicalId}.${attribute} is not resolved here.`);
  }

  return { resources, resolve, arnOf };
}
