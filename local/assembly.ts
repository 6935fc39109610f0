import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FunctionName, functions, type QueueName, queues } from '../functions/manifest.ts';
import type { Image } from './container.ts';

/* What `npm run synth` makes: the template, and the code of its functions. */

/** What stands on this machine for the resources of the template, by the variables that name them to the functions. */
export interface LocalResources {
  readonly TABLE_NAME: string;
  readonly APP_SECRET_ID: string;
  readonly SEALING_SECRET_ID: string;
  readonly SIGNING_SECRET_ID: string;
  readonly REFRESH_QUEUE_URL: string;
  readonly ESCROW_QUEUE_URL: string;
  readonly PUBLIC_URL: string;
  readonly EVENT_BUS_NAME: string;
}

/** By the ids of their constructs. */
const SECRETS = {
  AppSecret: 'APP_SECRET_ID',
  SealingSecret: 'SEALING_SECRET_ID',
  SigningSecret: 'SIGNING_SECRET_ID',
} as const;
const QUEUE_URLS = { refresh: 'REFRESH_QUEUE_URL', escrow: 'ESCROW_QUEUE_URL' } as const;

interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever CloudFormation knows
  readonly Properties: any;
  readonly Metadata?: Readonly<Record<string, string>>;
}

interface Reference {
  readonly Ref?: string;
  readonly 'Fn::GetAtt'?: readonly [resource: string, attribute: string];
}

type Resources = Readonly<Record<string, Resource>>;

/** The functions as the template in `folder` deploys them, each with the environment that it gives them. */
export function readAssembly(folder: string, local: LocalResources): Record<FunctionName, Image> {
  const file = readdirSync(folder).find((name) => name.endsWith('.template.json'));
  if (!file) throw new Error(`There is no template in ${folder}.`);
  const template = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const resources: Resources = template.Resources;
  const names = Object.keys(functions) as FunctionName[];
  return Object.fromEntries(
    names.map((name) => [name, readFunction(folder, resources, name, local)]),
  ) as Record<FunctionName, Image>;
}

function readFunction(
  folder: string,
  resources: Resources,
  name: FunctionName,
  local: LocalResources,
): Image {
  const found = Object.values(resources).find(
    (resource) => resource.Type === 'AWS::Lambda::Function' && constructOf(resource) === name,
  );
  if (!found) throw new Error(`The template has no function ${name}.`);
  const { Handler, Runtime, Timeout, MemorySize, Environment } = found.Properties;
  const root = join(folder, found.Metadata?.['aws:asset:path'] ?? '');
  const [module, handler] = Handler.split('.');
  const variables: [string, unknown][] = Object.entries(Environment?.Variables ?? {});
  return {
    name,
    file: join(root, `${module}.js`),
    handler,
    timeoutSeconds: Timeout,
    environment: {
      ...Object.fromEntries(
        variables.map(([key, value]) => [key, resolve(value, resources, local)]),
      ),
      // Lambda's own.
      _HANDLER: Handler,
      AWS_EXECUTION_ENV: `AWS_Lambda_${Runtime}`,
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MemorySize),
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      LAMBDA_TASK_ROOT: root,
      TZ: ':UTC',
    },
  };
}

/** The last part of the construct's path but one; of a function it is the name in the manifest. */
const constructOf = (resource: Resource | undefined) =>
  resource?.Metadata?.['aws:cdk:path']?.split('/').at(-2);

/** What a value of the template is on this machine. */
function resolve(value: unknown, resources: Resources, local: LocalResources): string {
  if (typeof value === 'string') return value;
  const { Ref: id, 'Fn::GetAtt': [owner, attribute] = [] } = value as Reference;
  const resource = resources[id ?? owner ?? ''];
  switch (`${resource?.Type}.${attribute ?? 'Ref'}`) {
    case 'AWS::DynamoDB::GlobalTable.Ref':
      return local.TABLE_NAME;
    case 'AWS::SecretsManager::Secret.Ref':
      return local[SECRETS[constructOf(resource) as keyof typeof SECRETS]];
    case 'AWS::SQS::Queue.Ref':
      return local[QUEUE_URLS[queueName(id ?? '', resources)]];
    case 'AWS::Events::EventBus.Ref':
      return local.EVENT_BUS_NAME;
    case 'AWS::ApiGatewayV2::Api.ApiEndpoint':
      return local.PUBLIC_URL;
    default:
      throw new Error(`Nothing on this machine stands for ${JSON.stringify(value)}.`);
  }
}

/** The queue of the manifest whose consumer gets the messages of the template's. */
function queueName(id: string, resources: Resources): QueueName {
  const delivery = Object.values(resources).find(
    ({ Type, Properties }) =>
      Type === 'AWS::Lambda::EventSourceMapping' &&
      Properties.EventSourceArn['Fn::GetAtt'][0] === id,
  );
  const consumer = resources[delivery?.Properties.FunctionName.Ref];
  const names = Object.keys(queues) as QueueName[];
  const found = names.find((name) => consumer && queues[name].consumer === constructOf(consumer));
  if (!found) throw new Error(`Nobody receives from the queue ${id}.`);
  return found;
}
