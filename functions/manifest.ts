/*
 * What is deployed besides the code of the functions: `infra/` makes AWS resources of it, `local/` runs it on one
 * machine.
 */

interface FunctionSettings {
  /** Shorter than the lease where a token is spent, so that a holder which outlives its lease is dead, not slow. */
  readonly timeoutSeconds: number;
}

/** Each has a file of its name in this folder. */
export const functions = {
  'oauth-connect': { timeoutSeconds: 10 },
  'oauth-callback': { timeoutSeconds: 28 },
  'jobber-webhook': { timeoutSeconds: 5 },
  'get-token': { timeoutSeconds: 25 },
  disconnect: { timeoutSeconds: 28 },
  'refresh-sweep': { timeoutSeconds: 60 },
  'refresh-connection': { timeoutSeconds: 25 },
  'save-rotation': { timeoutSeconds: 10 },
} satisfies Record<string, FunctionSettings>;

export type FunctionName = keyof typeof functions;

/** What API Gateway routes to which function. */
export const routes: Record<string, FunctionName> = {
  'GET /oauth/connect': 'oauth-connect',
  'GET /oauth/callback': 'oauth-callback',
  'POST /webhooks/jobber': 'jobber-webhook',
};

/** The queues, who consumes them, and how often a message is tried before it is a dead letter. */
export const queues = {
  refresh: { consumer: 'refresh-connection', maxReceiveCount: 5 },
  escrow: { consumer: 'save-rotation', maxReceiveCount: 100 },
} satisfies Record<string, { consumer: FunctionName; maxReceiveCount: number }>;

export type QueueName = keyof typeof queues;

export const SWEEP_EVERY_MINUTES = 5;
