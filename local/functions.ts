import { fileURLToPath } from 'node:url';
import type { Context } from 'aws-lambda';
import { type FunctionName, functions } from '../functions/manifest.ts';
import { type Container, startContainer } from './container.ts';

export type Handler = (event: never, context: Context) => Promise<unknown>;

export type Invoke = (name: LocalFunctionName, event: unknown) => Promise<unknown>;

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

/** The owner's own functions, as far as there are examples of them, in `examples/`. */
const examples = {
  'sync-clients': { timeoutSeconds: 300, memoryMB: 256 },
};

export type LocalFunctionName = FunctionName | keyof typeof examples;

const all = { ...functions, ...examples };

export const isLocalFunction = (name: string): name is LocalFunctionName => name in all;

/** Invokes a function in this process, with a context as Lambda gives it. */
export async function invoke(name: LocalFunctionName, event: unknown): Promise<unknown> {
  const endsAt = Date.now() + all[name].timeoutSeconds * 1000;
  const folder = name in functions ? 'functions' : 'examples';
  // At the first invocation, when the environment is set.
  const { handler }: { handler: Handler } = await import(`../${folder}/${name}.ts`);
  return handler(event as never, lambdaContext(name, endsAt));
}

/** What Lambda tells a function of an invocation that may last until `endsAt`, in milliseconds since the epoch. */
export function lambdaContext(name: LocalFunctionName, endsAt: number): Context {
  return {
    awsRequestId: crypto.randomUUID(),
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    memoryLimitInMB: String(all[name].memoryMB),
    getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
  } as Context;
}
