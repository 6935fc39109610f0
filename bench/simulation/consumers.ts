import { PROBE_EVERY, VISIT_RESERVE } from '../../shared/tokens/budgets.ts';
import { visitDelay } from '../../shared/tokens/visit-delay.ts';
import { type Fleet, IN_USE, WARM } from './fleet.ts';
import type { Jobber } from './jobber.ts';
import type { Measures } from './measures.ts';
import type { Message, SimulatedQueue } from './queue.ts';
import type { Random } from './random.ts';
import {
  cpuShare,
  FIRST_CONSUMERS,
  MORE_CONSUMERS,
  PAUSED_CPU,
  REFRESH_CPU,
  SEND,
  type Settings,
  TABLE,
  THROTTLED,
  TOKEN_LIFE,
} from './settings.ts';

const BATCH = 10;

/** The consumers of the queue, as `functions/refresh-connection.ts` is: 10 visits at once each. */
export function simulatedConsumers(
  { expiresAt, flags, lastUse, idleAfter }: Fleet,
  queue: SimulatedQueue,
  jobber: Jobber,
  counted: Measures,
  { maxConcurrentRefreshes, consumerMemoryMB }: Settings,
  random: Random,
  onMoved: (isWarm: boolean) => void,
) {
  const cpu = cpuShare(consumerMemoryMB);
  const freeAt = new Float64Array(maxConcurrentRefreshes);
  const answeredAt = new Float64Array(maxConcurrentRefreshes).fill(-3_600);
  let allowed = Math.min(FIRST_CONSUMERS, maxConcurrentRefreshes);
  let refreshes = 0;

  /** @returns seconds that 10 visits take */
  function work(consumer: number, start: number, first: Message): number {
    const knowsJobber = start - (answeredAt[consumer] as number) < PROBE_EVERY / 1_000;
    let [scout, slowest, computing, again, lost] = [0, 0, 0, 0, false];
    for (let message: Message | undefined = first, taken = 1; message; taken++) {
      const took = visit(message, start);
      if (took === 'paused' || took === 'lost') {
        if (sendAgain(message, start)) again++;
        lost ||= took === 'lost';
      } else if (took > 0 && scout === 0 && !knowsJobber) scout = took;
      else slowest = Math.max(slowest, took);
      computing += took === 'paused' || took === 0 ? PAUSED_CPU : REFRESH_CPU;
      message = taken < BATCH ? queue.take(start) : undefined;
    }
    // After a lost answer, a refresh waits for its turn as the probe, which others have by then.
    if (lost) slowest = Math.max(slowest, jobber.failing + PROBE_EVERY / 1_000);
    if (scout + slowest > 0 && !lost) answeredAt[consumer] = start + scout + slowest;
    const throttling = again > 0 ? THROTTLED * jobber.throttled() : 0;
    return TABLE + scout + slowest + computing / cpu + throttling + (again > 0 ? SEND : 0);
  }

  /** @returns seconds that the refresh takes, 0 if none is due */
  function visit({ id, until }: Message, start: number): number | 'paused' | 'lost' {
    counted.add('visits');
    const isProbe = jobber.isOpen(start);
    if (isProbe && !jobber.takesProbe(start)) return 'paused';
    const expires = expiresAt[id] as number;
    if (expires > Math.max(until, start) + VISIT_RESERVE / 1_000) {
      counted.add('visitsNotDue');
      return 0;
    }
    refreshes++;
    const took = isProbe
      ? jobber.probe(start)
      : jobber.isDown(start)
        ? undefined
        : jobber.latency();
    if (took === undefined) {
      if (!isProbe) jobber.lost(start);
      return 'lost';
    }
    expiresAt[id] = Math.floor(start + took) + TOKEN_LIFE;
    const flag = flags[id] as number;
    if (flag & WARM) {
      counted.least('leastValidity', expires - Math.floor(start));
      if (expires < start) counted.add('expiredWhenRefreshed');
      if (!(flag & IN_USE) && lastUse + idleAfter <= start) {
        flags[id] = flag & ~WARM;
        onMoved(false);
      }
    }
    return took;
  }

  function sendAgain({ id, until, tries }: Message, start: number): boolean {
    const now = Math.floor(start);
    const delay = visitDelay(tries, random);
    if (now + delay >= until) return false;
    queue.send({ id, until, tries: tries + 1 }, now, delay);
    counted.add('sentAgain');
    return true;
  }

  return {
    /** @returns how many refreshes began */
    step(now: number): number {
      refreshes = 0;
      let busy = 0;
      for (let consumer = 0; consumer < allowed; consumer++) {
        let free = freeAt[consumer] as number;
        busy += Math.min(1, Math.max(0, free - now));
        while (free < now + 1) {
          const message = queue.take(now);
          if (!message) break;
          const start = Math.max(free, now);
          free = start + work(consumer, start, message);
          busy += Math.min(free, now + 1) - start;
        }
        freeAt[consumer] = free;
      }
      const isBusy = queue.counts.visible > 0;
      const more = isBusy ? MORE_CONSUMERS : -MORE_CONSUMERS;
      const least = Math.min(FIRST_CONSUMERS, maxConcurrentRefreshes);
      allowed = Math.max(least, Math.min(maxConcurrentRefreshes, allowed + more));
      counted.add('consumersBusy', busy / 60);
      return refreshes;
    },
  };
}
