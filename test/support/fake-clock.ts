import type { Clock, EpochMs } from '../../shared/runtime/clock.ts';

/** A clock that stands still until it is told to go on; a sleep takes no time but moves it. */
export interface FakeClock extends Clock {
  advance(ms: number): void;
  readonly slept: number[];
}

export function fakeClock(start = Date.UTC(2026, 0, 15, 9, 0, 0)): FakeClock {
  let now = start;
  const slept: number[] = [];
  return {
    slept,
    now: () => now as EpochMs,
    async sleep(ms) {
      slept.push(ms);
      now += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
    advance: (ms) => {
      now += ms;
    },
  };
}
