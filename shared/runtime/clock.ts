import { setTimeout as delay } from 'node:timers/promises';

declare const unit: unique symbol;

/** Milliseconds since the Unix epoch. */
export type EpochMs = number & { readonly [unit]: 'ms' };

/** Whole seconds since the Unix epoch, as a JWT's `exp` (RFC 7519, section 2, NumericDate). */
export type EpochSeconds = number & { readonly [unit]: 's' };

/** The only source of time and of waiting; tests pass one of their own. */
export interface Clock {
  now(): EpochMs;
  sleep(ms: number): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now() as EpochMs,
  sleep: async (ms) => {
    await delay(ms);
  },
};

export const toSeconds = (ms: EpochMs): EpochSeconds => Math.floor(ms / 1000) as EpochSeconds;

export const plus = <T extends EpochMs | EpochSeconds>(time: T, by: number): T => (time + by) as T;
