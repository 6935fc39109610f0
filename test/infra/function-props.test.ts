import { Duration, Stack } from 'aws-cdk-lib';
import { LayerVersion, Tracing } from 'aws-cdk-lib/aws-lambda';
import { describe, expect, it } from 'vitest';
import { type FunctionName, functions, queues } from '../../functions/manifest.ts';
import type { FunctionSettings } from '../../infra/function-settings.ts';
import { synthesize } from './support.ts';

const names = Object.keys(functions) as FunctionName[];
const LAYER = 'arn:aws:lambda:us-east-1:111122223333:layer:mine:1';

/** The properties of a function in a stack with these settings. */
function propertiesWith(functionProps: (name: FunctionName) => FunctionSettings) {
  const { stack, properties } = synthesize({ functionProps });
  return (name: FunctionName) => properties(stack.jobberTokens.functions[name]);
}

const timeoutOf = (name: FunctionName, seconds: number) =>
  propertiesWith((each) => (each === name ? { timeout: Duration.seconds(seconds) } : {}))(name)[
    'Timeout'
  ];

describe('functionProps', () => {
  it('change one function or all of them', () => {
    const of = propertiesWith((name) => ({
      description: `Jobber: ${name}`,
      tracing: Tracing.PASS_THROUGH,
      ...(name === 'get-token' && { memorySize: 1_024, reservedConcurrentExecutions: 20 }),
    }));
    for (const name of names) {
      expect(of(name)).toMatchObject({
        Description: `Jobber: ${name}`,
        TracingConfig: { Mode: 'PassThrough' },
      });
    }
    expect(of('get-token')).toMatchObject({ MemorySize: 1_024, ReservedConcurrentExecutions: 20 });
    expect(of('disconnect')).toMatchObject({ MemorySize: functions.disconnect.memoryMB });
    expect(of('disconnect')).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  it('add layers', () => {
    const layer = LayerVersion.fromLayerVersionArn(new Stack(), 'Layer', LAYER);
    expect(propertiesWith(() => ({ layers: [layer] }))('jwks')['Layers']).toEqual([LAYER]);
  });

  it('add variables to the environment, beside those of the manifest', () => {
    const of = propertiesWith(() => ({ environment: { POWERTOOLS_LOG_LEVEL: 'DEBUG' } }));
    expect(of('get-token')['Environment']).toMatchObject({
      Variables: { POWERTOOLS_LOG_LEVEL: 'DEBUG', TABLE_NAME: expect.anything() },
    });
  });

  it('must not set a variable that JobberTokens sets', () => {
    const functionProps = () => ({ environment: { TABLE_NAME: 'other' } });
    expect(() => synthesize({ functionProps })).toThrow(
      'functionProps of oauth-connect: JobberTokens itself sets the variable TABLE_NAME.',
    );
  });

  it('leave what is undefined as it is', () => {
    const undefinedOnes = { timeout: undefined, memorySize: undefined, tracing: undefined };
    const of = propertiesWith(() => undefinedOnes as unknown as FunctionSettings);
    expect(of('get-token')).toMatchObject({
      Timeout: functions['get-token'].timeoutSeconds,
      MemorySize: functions['get-token'].memoryMB,
      TracingConfig: { Mode: 'Active' },
    });
  });

  it('may raise a timeout', () => {
    expect(timeoutOf('get-token', 300)).toBe(300);
  });

  it.each(names)('must not lower the timeout of %s', (name) => {
    const { timeoutSeconds } = functions[name];
    expect(() => timeoutOf(name, timeoutSeconds - 1)).toThrow(
      `functionProps of ${name}: the timeout must be at least ${timeoutSeconds} s`,
    );
  });

  it.each([
    ['refresh-connection', queues.refresh.visibilitySeconds],
    ['save-rotation', queues.escrow.visibilitySeconds],
    ['refresh-sweep', 299],
    ['oauth-callback', 29],
  ] as const)('must not raise the timeout of %s above %d s', (name, most) => {
    expect(timeoutOf(name, most)).toBe(most);
    expect(() => timeoutOf(name, most + 1)).toThrow(
      `functionProps of ${name}: the timeout must be at most ${most} s`,
    );
  });

  it('have no property that would break the protocol', () => {
    const handler: FunctionSettings = {
      // @ts-expect-error the functions are built and tested as they are
      handler: 'other.handler',
    };
    const role: FunctionSettings = {
      // @ts-expect-error the permissions of each function are written out
      role: undefined,
    };
    const retryAttempts: FunctionSettings = {
      // @ts-expect-error the sweep has its own, and the others are not invoked asynchronously
      retryAttempts: 2,
    };
    expect([handler, role, retryAttempts]).toHaveLength(3);
  });
});

describe('logGroupNamePrefix', () => {
  it('names the log group of each function, and that of the HTTP API', () => {
    const { template } = synthesize({ logGroupNamePrefix: '/my-app/jobber-tokens/' });
    const found = Object.values(template.findResources('AWS::Logs::LogGroup')).map(
      ({ Properties }) => Properties.LogGroupName,
    );
    expect(found.sort()).toEqual(
      [...names, 'http-access'].map((name) => `/my-app/jobber-tokens/${name}`).sort(),
    );
  });

  it('leaves the names to CloudFormation by default', () => {
    const { template } = synthesize();
    for (const { Properties } of Object.values(template.findResources('AWS::Logs::LogGroup'))) {
      expect(Properties).not.toHaveProperty('LogGroupName');
    }
  });
});
