import type { Clock, EpochMs } from '../../shared/runtime/clock.ts';

/** A clock that stands still until it is told to go on; a sleep takes no time but moves it. */
export interface FakeClock extends Clock {
  advance(ms: number): void;
  readonly slept: number[];
}

interface Timer {
  next: number;
  readonly period: number;
  readonly tick: () => void;
}

export function fakeClock(start = Date.UTC(2026, 0, 15, 9, 0, 0)): FakeClock {
  let now = start;
  const slept: number[] = [];
  const timers = new Set<Timer>();

  /** Timers fire on the way, each at its own time. */
  function pass(ms: number): unknown[] {
    const ticks: unknown[] = [];
    const end = now + ms;
    for (;;) {
      const [first] = [...timers].sort((a, b) => a.next - b.next);
      if (!first || first.next > end) break;
      now = Math.max(now, first.next);
      first.next += first.period;
      ticks.push(first.tick());
    }
    now = end;
    return ticks;
  }

  return {
    slept,
    now: () => now as EpochMs,
    async sleep(ms) {
      slept.push(ms);
      // What a timer begins is done long before a long sleep ends.
      await Promise.all(pass(ms));
      await new Promise((resolve) => setImmediate(resolve));
    },
    every(period, tick) {
      const timer = { next: now + period, period, tick };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      pass(ms);
    },
  };
}
