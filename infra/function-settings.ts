import type { Duration } from 'aws-cdk-lib';
import type { EventInvokeConfigOptions, FunctionOptions } from 'aws-cdk-lib/aws-lambda';
import {
  type FunctionName,
  functions,
  queues,
  SWEEP_EVERY_MINUTES,
} from '../functions/manifest.ts';
import type { NetworkProps } from './network.ts';

/**
 * What an owner may set of a function. Left out is what has a setting of its own or would break how tokens are rotated: code,
 * handler, runtime and role; `environment` adds to the variables that the function has; `timeout` may only be raised.
 */
export type FunctionSettings = Omit<
  FunctionOptions,
  | 'role'
  | 'allowAllOutbound'
  | 'allowAllIpv6Outbound'
  | 'logGroup'
  | 'logRetention'
  | 'logRetentionRole'
  | 'logRetentionRetryOptions'
  | 'logRemovalPolicy'
  | 'events'
  | keyof NetworkProps
  | keyof EventInvokeConfigOptions
>;

/** What ends a function's time besides its timeout, in seconds. */
const LONGEST: Partial<Record<FunctionName, number>> = {
  // API Gateway answers for it after 30 s.
  'oauth-callback': 29,
  // One sweep is over before the next one.
  'refresh-sweep': SWEEP_EVERY_MINUTES * 60 - 1,
  // SQS would hand out a message again.
  ...Object.fromEntries(
    Object.values(queues).map(({ consumer, visibilitySeconds }) => [consumer, visibilitySeconds]),
  ),
};

/** @throws an error that names the first setting that would break the function */
export function refuseFunctionSettings(
  name: FunctionName,
  { environment = {}, timeout }: FunctionSettings,
  ownVariables: readonly string[],
): void {
  const variable = ownVariables.find((each) => each in environment);
  if (variable !== undefined) {
    throw new Error(`functionProps of ${name}: JobberTokens itself sets the variable ${variable}.`);
  }
  if (timeout) refuseTimeout(name, timeout);
}

function refuseTimeout(name: FunctionName, timeout: Duration): void {
  const seconds = timeout.toSeconds();
  const least = functions[name].timeoutSeconds;
  const most = LONGEST[name];
  if (seconds < least) {
    throw new Error(
      `functionProps of ${name}: the timeout must be at least ${least} s, so that no work is cut off.`,
    );
  }
  if (most !== undefined && seconds > most) {
    throw new Error(
      `functionProps of ${name}: the timeout must be at most ${most} s: later nobody waits for it, or the work starts again.`,
    );
  }
}
