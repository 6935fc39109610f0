import { fileURLToPath } from 'node:url';
import type { Context } from 'aws-lambda';
import { type FunctionName, functions } from '../functions/manifest.ts';
import { type Container, startContainer } from './container.ts';

export type Handler = (event: never, context: Context) => Promise<unknown>;

export type Invoke = (name: FunctionName, event: unknown) => Promise<unknown>;

/** Where the functions run. */
export interface Lambda {
  readonly invoke: Invoke;
  /** One more process for the function, apart from the one that `invoke` uses. */
  start(name: FunctionName): Container;
  close(): void;
}

/** The functions as they are in this project, in this process, with its environment. */
export const functionsInProcess: Lambda = {
  invoke,
  start: (name) =>
    startContainer({
      name,
      file: fileURLToPath(new URL(`../functions/${name}.ts`, import.meta.url)),
      handler: 'handler',
      timeoutSeconds: functions[name].timeoutSeconds,
      environment: process.env,
    }),
  close() {},
};

/** Invokes a function in this process, with a context as Lambda gives it. */
export async function invoke(name: FunctionName, event: unknown): Promise<unknown> {
  const endsAt = Date.now() + functions[name].timeoutSeconds * 1000;
  // At the first invocation, when the environment is set.
  const { handler }: { handler: Handler } = await import(`../functions/${name}.ts`);
  return handler(event as never, lambdaContext(name, endsAt));
}

/** What Lambda tells a function of an invocation that may last until `endsAt`, in milliseconds since the epoch. */
export function lambdaContext(name: FunctionName, endsAt: number): Context {
  return {
    awsRequestId: crypto.randomUUID(),
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    memoryLimitInMB: String(functions[name].memoryMB),
    getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
  } as Context;
}
