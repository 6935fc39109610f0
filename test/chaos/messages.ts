import type { Design } from './designs.ts';
import type { ClockSettings } from './fast-clock.ts';

/* What the harness and its processes tell each other. */

/** On the wire, with the name of the attempt: `<worker>.<number>`. */
export const REDEMPTION_HEADER = 'x-redemption';

export type ToWorker =
  | { readonly kind: 'advance'; readonly ms: number }
  /** No callers of its own any more; `drain` goes on with what is queued, `rest` does nothing. */
  | { readonly kind: 'drain' | 'rest' }
  /** All at once for one account, as callers of a busy customer. */
  | { readonly kind: 'stampede'; readonly accountId: string }
  /** Once for each account, whatever its token. */
  | { readonly kind: 'ask'; readonly accountIds: readonly string[] };

export type FromWorker =
  | { readonly kind: 'ready' }
  /** An answer of the token endpoint arrived whole. */
  | { readonly kind: 'answered'; readonly redemption: string }
  /** Nothing of the redemption is under way any more: the invocations that may have made it have ended. */
  | { readonly kind: 'settled'; readonly redemption: string }
  | { readonly kind: 'asked' | 'resting' };

export interface WorkerOptions {
  /** Names one process: its slot and how often the slot was filled. */
  readonly name: string;
  readonly seed: number;
  readonly accountIds: readonly string[];
  readonly design: Design;
  readonly queues: { readonly refresh: string; readonly escrow: string };
}

export interface ServicesOptions {
  readonly folder: string;
  readonly clock: ClockSettings;
  readonly tableName: string;
  /** Seconds on the system's clock. */
  readonly accessTokenLifetime: number;
}

export type ToServices = { readonly kind: 'advance'; readonly ms: number };

/** What the services say once they run. */
export interface Services {
  readonly dynamoDbUrl: string;
  readonly jobberUrl: string;
  readonly clientId: string;
  readonly sqsUrl: string;
  readonly secretsUrl: string;
  readonly queues: { readonly refresh: string; readonly escrow: string };
  readonly sealing: { readonly id: string; readonly value: string };
}
