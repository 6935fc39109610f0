import type { Context } from 'aws-lambda';
import { type FunctionName, functions } from '../functions/manifest.ts';

type Handler = (event: never, context: Context) => Promise<unknown>;

/** The owner's own functions, as far as there are examples of them, in `examples/`. */
const examples = {
  'sync-clients': { timeoutSeconds: 300 },
};

export type LocalFunctionName = FunctionName | keyof typeof examples;

const all = { ...functions, ...examples };

export const isLocalFunction = (name: string): name is LocalFunctionName => name in all;

/** Invokes a function in this process, with a context as Lambda gives it. */
export async function invoke(name: LocalFunctionName, event: unknown): Promise<unknown> {
  const endsAt = Date.now() + all[name].timeoutSeconds * 1000;
  const requestId = crypto.randomUUID();
  // At the first invocation, when the environment is set.
  const folder = name in functions ? 'functions' : 'examples';
  const { handler }: { handler: Handler } = await import(`../${folder}/${name}.ts`);
  return handler(
    event as never,
    {
      awsRequestId: requestId,
      functionName: name,
      functionVersion: '$LATEST',
      invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
      memoryLimitInMB: '256',
      getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
    } as Context,
  );
}
