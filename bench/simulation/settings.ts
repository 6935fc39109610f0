import { functions } from '../../functions/manifest.ts';

/** What a simulation is told. Times are seconds from its start. */
export interface Settings {
  readonly connections: number;
  readonly seed: number;
  readonly minutes: number;
  /** The first minutes, in which the fleet finds its rhythm. No measure counts them. */
  readonly warmUpMinutes: number;
  /** `at once`: every connection was made at time 0, so all tokens expire in the same second. */
  readonly start: 'running' | 'at once';
  /** The share of the connections that callers ask for. Of a running fleet, the others are on the daily wheel. */
  readonly inUse: number;
  /** How often callers ask for each connection in use. */
  readonly callsPerHour: number;
  /** At this time, a share of the connections that were idle comes into use. */
  readonly wakes?: { readonly at: number; readonly share: number };
  /** `errors`: Jobber answers 503 at once. `silent`: it takes requests and never answers. */
  readonly outage?: {
    readonly from: number;
    readonly to: number;
    readonly kind: 'errors' | 'silent';
  };
  /** Sweeps that do not run, by the minute at which they should. */
  readonly missedSweeps: readonly number[];
  readonly maxConcurrentRefreshes: number;
  /** Lambda gives CPU in proportion: sending to SQS is CPU work. */
  readonly sweepMemoryMB: number;
  readonly consumerMemoryMB: number;
  /** How many invocations of `get-token` Lambda runs at once. */
  readonly getTokensAtOnce: number;
}

export const DEFAULTS: Settings = {
  connections: 10_000_000,
  seed: 1,
  minutes: 150,
  warmUpMinutes: 60,
  start: 'running',
  inUse: 1,
  callsPerHour: 4,
  missedSweeps: [],
  maxConcurrentRefreshes: 10,
  sweepMemoryMB: functions['refresh-sweep'].memoryMB,
  consumerMemoryMB: functions['refresh-connection'].memoryMB,
  getTokensAtOnce: 1_000,
};

/** The speed of one Lambda CPU is what 1,769 MB get. */
export const cpuShare = (memoryMB: number): number => Math.min(1, memoryMB / 1_769);

/*
 * Assumptions about AWS, in seconds. CPU times are of a whole CPU.
 */

/** One page of the index; one batch to SQS. */
export const QUERY = 0.015;
export const SEND = 0.015;
/** Measured with `sendBatches` against a local server, in the clear. */
export const SEND_CPU = 0.000_75;
/** Reads and writes of the table, beside Jobber's answer. */
export const TABLE = 0.05;
/** A TLS handshake, two writes, sealing and opening. */
export const REFRESH_CPU = 0.004;
/** One read and one write that fails its condition. */
export const PAUSED_CPU = 0.000_7;
/** The SDK's three attempts at an item that is throttled. */
export const THROTTLED = 0.3;
/** What one partition of DynamoDB, and so one item, takes a second. */
export const ITEM_WRITES = 1_000;
/** A `get-token` that finds the stored token, or that the breaker refuses. */
export const GET_STORED = 0.015;
export const GET_REFUSED = 0.03;
/** Lambda starts with so many consumers of a queue and adds so many a second, while all are busy. */
export const FIRST_CONSUMERS = 5;
export const MORE_CONSUMERS = 5;
/** SQS keeps a message for so long (`infra/queues.ts`). */
export const RETENTION = 3_600;
/** For how long a caller's client asks again (`shared/client/access-tokens.ts`). */
export const CALLER_WAITS = 30;
/** Jobber's tokens. */
export const TOKEN_LIFE = 3_600;
