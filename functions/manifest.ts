import type { Variable } from '../shared/runtime/environment.ts';

/*
 * What is deployed besides the code of the functions: `infra/` makes AWS resources of it, `local/` runs it on one
 * machine. What each function may do is in `infra/permissions.ts`.
 */

interface FunctionSettings {
  /** Where a token is redeemed, only this limits how long a slow answer is waited for. */
  readonly timeoutSeconds: number;
  /** Lambda gives CPU in proportion: more where a person or a caller waits. */
  readonly memoryMB: number;
  /** What it reads of the environment: it is given these and no others. */
  readonly reads: readonly Variable[];
}

/** A slow answer, two tokens for a disconnect, and what is left for STORE and ESCROW. */
const REDEEMING_S = 180;

const KEYS = ['APP_SECRET_ID', 'SEALING_SECRET_ID'] as const;
const TOKENS = ['TABLE_NAME', ...KEYS, 'ESCROW_QUEUE_URL', 'JOBBER_BASE_URL'] as const;

/** What every function reads besides. */
export const READ_BY_ALL = ['POWERTOOLS_SERVICE_NAME'] as const satisfies readonly Variable[];

/** Each has a file of its name in this folder. */
export const functions = {
  'oauth-connect': {
    timeoutSeconds: 10,
    memoryMB: 512,
    reads: [
      'SIGNING_SECRET_ID',
      'CLIENT_ID',
      'PUBLIC_URL',
      'JOBBER_BASE_URL',
      'MARKETPLACE_CONNECT',
    ],
  },
  'oauth-callback': {
    timeoutSeconds: 28,
    memoryMB: 512,
    reads: [
      ...KEYS,
      'SIGNING_SECRET_ID',
      'TABLE_NAME',
      'PUBLIC_URL',
      'JOBBER_BASE_URL',
      'JOBBER_GRAPHQL_VERSION',
      'RETURN_TO_ORIGINS',
      'POST_CONNECT_URL',
      'MANAGE_URL',
    ],
  },
  jwks: { timeoutSeconds: 10, memoryMB: 256, reads: ['SIGNING_SECRET_ID'] },
  // Jobber waits for a second, a cold start included.
  'jobber-webhook': {
    timeoutSeconds: 5,
    memoryMB: 1_024,
    reads: ['TABLE_NAME', 'APP_SECRET_ID', 'EVENT_BUS_NAME'],
  },
  'create-connect-link': {
    timeoutSeconds: 10,
    memoryMB: 256,
    reads: ['SIGNING_SECRET_ID', 'PUBLIC_URL', 'RETURN_TO_ORIGINS'],
  },
  'get-token': { timeoutSeconds: REDEEMING_S, memoryMB: 512, reads: TOKENS },
  disconnect: {
    timeoutSeconds: REDEEMING_S,
    memoryMB: 512,
    reads: [...TOKENS, 'JOBBER_GRAPHQL_VERSION'],
  },
  // It needs no memory, but CPU: ten million connections are queued within its time.
  'refresh-sweep': {
    timeoutSeconds: 240,
    memoryMB: 1_024,
    reads: ['TABLE_NAME', 'REFRESH_QUEUE_URL'],
  },
  'refresh-connection': {
    timeoutSeconds: REDEEMING_S,
    memoryMB: 256,
    reads: [...TOKENS, 'JOBBER_GRAPHQL_VERSION', 'REFRESH_QUEUE_URL', 'KEEP_WARM_HOURS'],
  },
  'publish-changes': { timeoutSeconds: 30, memoryMB: 256, reads: ['EVENT_BUS_NAME'] },
  'save-rotation': { timeoutSeconds: 5, memoryMB: 256, reads: ['TABLE_NAME'] },
} satisfies Record<string, FunctionSettings>;

export type FunctionName = keyof typeof functions;

/** What API Gateway routes to which function. */
export const routes: Record<string, FunctionName> = {
  'GET /oauth/connect': 'oauth-connect',
  'GET /oauth/manage': 'oauth-connect',
  'GET /oauth/callback': 'oauth-callback',
  'GET /.well-known/jwks.json': 'jwks',
  'POST /webhooks/jobber': 'jobber-webhook',
};

interface QueueSettings {
  readonly consumer: FunctionName;
  /**
   * How long a message stays with its consumer, and how soon one that failed comes again. AWS asks for six time-outs, so that
   * none is handed out twice; both consumers may be handed the same message twice.
   */
  readonly visibilitySeconds: number;
  /** How often a message is tried before it is a dead letter. */
  readonly maxReceiveCount: number;
}

/** The queues, and who consumes them. */
export const queues = {
  refresh: {
    consumer: 'refresh-connection',
    visibilitySeconds: 6 * REDEEMING_S,
    maxReceiveCount: 5,
  },
  // Short, so that a rotation is stored soon after the table takes writes again: whoever takes over the lease waits for it.
  escrow: { consumer: 'save-rotation', visibilitySeconds: 10, maxReceiveCount: 1_000 },
} satisfies Record<string, QueueSettings>;

export type QueueName = keyof typeof queues;

/** Who consumes the table's stream (new and old images), and how often a record is tried before it is a dead letter. */
export const stream = {
  consumer: 'publish-changes',
  batchSize: 100,
  retryAttempts: 100,
} satisfies { consumer: FunctionName; batchSize: number; retryAttempts: number };

export const SWEEP_EVERY_MINUTES = 5;
