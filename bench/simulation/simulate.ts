import { simulatedCallers } from './callers.ts';
import { simulatedConsumers } from './consumers.ts';
import { createFleet, WARM } from './fleet.ts';
import { simulatedJobber } from './jobber.ts';
import { type Minutes, measures } from './measures.ts';
import { simulatedQueue } from './queue.ts';
import { seededRandom } from './random.ts';
import type { Settings } from './settings.ts';
import { simulatedSweeps } from './sweeps.ts';

export interface Simulated {
  readonly settings: Settings;
  readonly minutes: Minutes;
  /** The second in which each token expires, at the end. */
  readonly expiresAt: Int32Array;
}

/**
 * Runs a fleet on a clock of its own, a second at a time.
 * @param slots how many connections have each daily slot (`countSlots`)
 */
export function simulate(slots: Uint32Array, settings: Settings): Simulated {
  const { connections, minutes, wakes } = settings;
  const random = seededRandom(settings.seed);
  const counted = measures(minutes);
  const fleet = createFleet(slots, settings, random);
  const queue = simulatedQueue(Math.ceil(connections * 2.5) + 1_000, minutes * 60);
  const jobber = simulatedJobber(settings, random);
  let warm = fleet.count(WARM);
  const onMoved = (isWarm: boolean) => {
    warm += isWarm ? 1 : -1;
  };
  const sweeps = simulatedSweeps(fleet, queue, counted, settings);
  const consumers = simulatedConsumers(fleet, queue, jobber, counted, settings, random, onMoved);
  const callers = simulatedCallers(fleet, jobber, counted, settings, random, onMoved);

  for (let now = 0; now < minutes * 60; now++) {
    counted.begin(Math.floor(now / 60));
    if (wakes?.at === now) callers.wake(wakes.share, now);
    sweeps.step(now);
    queue.release(now);
    jobber.tick(now);
    const bySweep = consumers.step(now);
    const byCallers = callers.step(now);

    counted.add('refreshesBySweep', bySweep);
    counted.add('refreshesByCallers', byCallers);
    counted.most('peakBySweep', bySweep);
    counted.most('peakByCallers', byCallers);
    counted.most('peak', bySweep + byCallers);
    counted.most('queueAge', queue.age(now));
    counted.most('breakerWrites', jobber.writes());
    if (jobber.isOpen(now)) counted.add('breakerOpenSeconds');
    if (now % 60 === 59) {
      counted.set('callersWaiting', callers.waiting());
      counted.set('queueVisible', queue.counts.visible);
      counted.set('queueDelayed', queue.counts.delayed);
      counted.set('messagesExpired', queue.counts.expired);
      counted.set('warm', warm);
      counted.set('idle', connections - warm);
    }
  }
  return { settings, minutes: counted.minutes, expiresAt: fleet.expiresAt };
}
