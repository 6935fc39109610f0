import type { Context } from 'aws-lambda';

interface LocalFunction {
  /** As deployed: shorter than the lease, so that a holder which outlives its lease is dead, not slow. */
  readonly timeoutSeconds: number;
  /** Loaded at the first invocation, when the environment is set. */
  readonly load: () => Promise<{ handler: (event: never, context: Context) => Promise<unknown> }>;
}

/** The functions by name. */
export const functions = {
  'oauth-connect': { timeoutSeconds: 10, load: () => import('../functions/oauth-connect.ts') },
  'oauth-callback': { timeoutSeconds: 28, load: () => import('../functions/oauth-callback.ts') },
  'get-token': { timeoutSeconds: 25, load: () => import('../functions/get-token.ts') },
  'refresh-sweep': { timeoutSeconds: 60, load: () => import('../functions/refresh-sweep.ts') },
  'refresh-connection': {
    timeoutSeconds: 25,
    load: () => import('../functions/refresh-connection.ts'),
  },
  'save-rotation': { timeoutSeconds: 10, load: () => import('../functions/save-rotation.ts') },
} satisfies Record<string, LocalFunction>;

export type FunctionName = keyof typeof functions;

/** What API Gateway routes to which function. */
export const routes: Record<string, FunctionName> = {
  'GET /oauth/connect': 'oauth-connect',
  'GET /oauth/callback': 'oauth-callback',
};

/** The queues, who consumes them, and how often a message is tried before it is a dead letter. */
export const queues = {
  refresh: { consumer: 'refresh-connection', maxReceiveCount: 5 },
  escrow: { consumer: 'save-rotation', maxReceiveCount: 100 },
} satisfies Record<string, { consumer: FunctionName; maxReceiveCount: number }>;

export type QueueName = keyof typeof queues;

export const SWEEP_EVERY_MS = 5 * 60_000;

/** Invokes a function in this process, with a context as Lambda gives it. */
export async function invoke(name: FunctionName, event: unknown): Promise<unknown> {
  const { timeoutSeconds, load }: LocalFunction = functions[name];
  const endsAt = Date.now() + timeoutSeconds * 1000;
  const requestId = crypto.randomUUID();
  const { handler } = await load();
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
