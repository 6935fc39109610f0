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
  /** Calls `tick` again and again until the returned function is called. */
  every(ms: number, tick: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now() as EpochMs,
  sleep: async (ms) => {
    await delay(ms);
  },
  every(ms, tick) {
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  },
};

export const toSeconds = (ms: EpochMs): EpochSeconds => Math.floor(ms / 1000) as EpochSeconds;

export const plus = <T extends EpochMs | EpochSeconds>(time: T, by: number): T => (time + by) as T;
