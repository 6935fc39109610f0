import { join } from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  Function as LambdaFunction,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { type FunctionName, functions, READ_BY_ALL } from '../functions/manifest.ts';
import type { Variable } from '../shared/runtime/environment.ts';
import { acknowledge } from './acknowledge.ts';
import { type FunctionSettings, refuseFunctionSettings } from './function-settings.ts';
import { functionsFolder } from './functions-folder.ts';
import { networkInterfacePermissions, type networkOf } from './network.ts';

export interface FunctionsProps {
  /** `undefined` leaves a function to its default. */
  readonly environment: Record<Variable, string | undefined>;
  readonly permissions: Record<FunctionName, readonly PolicyStatement[]>;
  readonly logRetention: RetentionDays;
  readonly network: ReturnType<typeof networkOf>;
  readonly logGroupNamePrefix: string | undefined;
  readonly functionProps: (name: FunctionName) => FunctionSettings;
}

/** The functions of the manifest, each with a log and a role of its own. */
export function createFunctions(
  scope: Construct,
  props: FunctionsProps,
): Record<FunctionName, LambdaFunction> {
  const names = Object.keys(functions) as FunctionName[];
  return Object.fromEntries(
    names.map((name) => [name, createFunction(scope, name, props)]),
  ) as Record<FunctionName, LambdaFunction>;
}

function createFunction(
  scope: Construct,
  name: FunctionName,
  {
    environment,
    permissions,
    logRetention,
    network,
    logGroupNamePrefix,
    functionProps,
  }: FunctionsProps,
): LambdaFunction {
  const { timeoutSeconds, memoryMB, reads } = functions[name];
  const settings = functionProps(name);
  refuseFunctionSettings(name, settings, Object.keys(environment));
  const logGroup = new LogGroup(scope, `${name}-log`, {
    ...(logGroupNamePrefix !== undefined && { logGroupName: `${logGroupNamePrefix}${name}` }),
    retention: logRetention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  // Instead of AWS's managed policy, which allows to write into any log group.
  const role = new Role(scope, `${name}-role`, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
  });
  logGroup.grantWrite(role);
  for (const statement of permissions[name]) role.addToPolicy(statement);
  if (network) for (const statement of networkInterfacePermissions()) role.addToPolicy(statement);
  const fn = new LambdaFunction(scope, name, {
    architecture: Architecture.ARM_64,
    ...settings,
    // Prebuilt: nobody's synthesis takes a bundler, and what runs is what was tested.
    code: Code.fromAsset(join(functionsFolder(), name)),
    handler: 'index.handler',
    runtime: Runtime.NODEJS_24_X,
    timeout: settings.timeout ?? Duration.seconds(timeoutSeconds),
    memorySize: settings.memorySize ?? memoryMB,
    tracing: settings.tracing ?? Tracing.ACTIVE,
    environment: { ...settings.environment, ...read(environment, [...READ_BY_ALL, ...reads]) },
    role,
    logGroup,
    ...network,
  });
  acknowledge(role, {
    id: 'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
    reason: 'X-Ray has no resource to name, and Lambda in a VPC knows none before it makes one.',
  });
  acknowledge(fn, {
    id: 'Serverless::Serverless-LambdaDLQ',
    reason:
      'Its callers wait for it, or its queue has dead letters; the next sweep does the work of a failed one.',
  });
  return fn;
}

/** Those of the variables that a function reads, and that have a value. */
const read = (
  environment: FunctionsProps['environment'],
  variables: readonly Variable[],
): Record<string, string> =>
  Object.fromEntries(
    variables.flatMap((variable) => {
      const value = environment[variable];
      return value === undefined ? [] : [[variable, value]];
    }),
  );
