import type { Context } from 'aws-lambda';
import { type FunctionName, functions } from '../functions/manifest.ts';

type Handler = (event: never, context: Context) => Promise<unknown>;

/** Invokes a function in this process, with a context as Lambda gives it. */
export async function invoke(name: FunctionName, event: unknown): Promise<unknown> {
  const endsAt = Date.now() + functions[name].timeoutSeconds * 1000;
  const requestId = crypto.randomUUID();
  // At the first invocation, when the environment is set.
  const { handler }: { handler: Handler } = await import(`../functions/${name}.ts`);
  return handler(
    event as never,
    {
      awsRequestId: requestId,
      functionName: name,
      functionVersion: '$LATEST',
      invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
      memoryLimitInMB: String(functions[name].memoryMB),
      getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
    } as Context,
  );
}
