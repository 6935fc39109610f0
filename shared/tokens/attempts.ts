import { backoff } from '../runtime/backoff.ts';
import { type Clock, plus } from '../runtime/clock.ts';

/**
 * Tries until it works or the time is used up, then `undefined`. Each attempt is told how much time is left.
 */
export async function attemptFor<T>(
  clock: Clock,
  totalMs: number,
  attempt: (leftMs: number) => Promise<T>,
): Promise<T | undefined> {
  const giveUpAt = plus(clock.now(), totalMs);
  for (let failed = 0; ; failed++) {
    try {
      return await attempt(giveUpAt - clock.now());
    } catch {
      const pause = backoff(failed, 50, 1_000);
      if (plus(clock.now(), pause) > giveUpAt) return undefined;
      await clock.sleep(pause);
    }
  }
}
