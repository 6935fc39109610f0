import type { Design } from './designs.ts';
import type { ClockSettings } from './fast-clock.ts';

/* What the harness and its processes tell each other. */

/** On the wire, with the name of the attempt: `<container>.<number>`. */
export const REDEMPTION_HEADER = 'x-redemption';

/** The functions that run in containers here. */
export const FUNCTIONS = [
  'get-token',
  'refresh-connection',
  'refresh-sweep',
  'save-rotation',
] as const;

export type Invoked = (typeof FUNCTIONS)[number];

export type ToContainer =
  | { readonly kind: 'advance'; readonly ms: number }
  /** `endsAt`: when the function times out, in milliseconds of the system's clock. */
  | { readonly kind: 'invoke'; readonly event: unknown; readonly endsAt: number };

export type FromContainer =
  | { readonly kind: 'ready' }
  /** An answer of the token endpoint arrived whole. */
  | { readonly kind: 'answered'; readonly redemption: string }
  /** The invocation that made the redemption has ended. */
  | { readonly kind: 'settled'; readonly redemption: string }
  /** The handler has returned, or thrown. */
  | { readonly kind: 'returned'; readonly result: unknown }
  | { readonly kind: 'thrown'; readonly message: string };

export interface ContainerOptions {
  /** Names one process: its function, its slot and how often slots were filled. */
  readonly name: string;
  readonly functionName: Invoked;
  readonly design: Design;
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
  readonly tableName: string;
  readonly jobberUrl: string;
  readonly clientId: string;
  readonly sqsUrl: string;
  readonly secretsUrl: string;
  readonly queues: { readonly refresh: string; readonly escrow: string };
  readonly sealing: { readonly id: string; readonly value: string };
}
