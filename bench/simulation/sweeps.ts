import { functions, SWEEP_EVERY_MINUTES } from '../../functions/manifest.ts';
import { type EpochMs, plus } from '../../shared/runtime/clock.ts';
import { nextVisit, slotsBetween } from '../../shared/tokens/sweep-wheel.ts';
import type { Fleet } from './fleet.ts';
import type { Measures } from './measures.ts';
import type { SimulatedQueue } from './queue.ts';
import { cpuShare, QUERY, SEND, SEND_CPU, type Settings } from './settings.ts';

const PAGE = 1_000;
const BATCH = 10;
const BATCHES_AT_ONCE = 16;
const STOPS_AFTER = functions['refresh-sweep'].timeoutSeconds - 10;
/** The start is minute 0 of both wheels: a midnight, in UTC. */
const START = Date.UTC(2026, 0, 1) as EpochMs;

const atSecond = (second: number): EpochMs => plus(START, second * 1_000);
const secondOf = (time: EpochMs): number => (time - START) / 1_000;

/** The sweep, as `functions/refresh-sweep.ts` does it: slots by time, pages of a slot, a stop before the time-out. */
export function simulatedSweeps(
  fleet: Fleet,
  queue: SimulatedQueue,
  counted: Measures,
  { missedSweeps, sweepMemoryMB }: Settings,
) {
  const cpu = SEND_CPU / cpuShare(sweepMemoryMB);
  /** Of the last minute whose slots are all queued. */
  let sweptUntil = -60;
  let running: { work: Generator<void>; begun: number; ahead: number } | undefined;

  /** Yields before each page. */
  function* sweep(scheduled: number): Generator<void> {
    for (const { begins, slots } of slotsBetween(atSecond(sweptUntil), atSecond(scheduled))) {
      for (const slot of slots) {
        const until = secondOf(nextVisit(slot, begins));
        let page: number[] = [];
        for (const id of fleet.inSlot(slot)) {
          if (page.push(id) < PAGE) continue;
          yield;
          send(page, until);
          page = [];
        }
        yield;
        send(page, until);
      }
      sweptUntil = secondOf(begins);
    }
  }

  let now = 0;
  function send(page: readonly number[], until: number): void {
    for (const id of page) queue.send({ id, until, tries: 0 }, now);
    counted.add('queuedBySweep', page.length);
    const batches = Math.ceil(page.length / BATCH);
    const sending = Math.max(Math.ceil(batches / BATCHES_AT_ONCE) * SEND, batches * cpu);
    if (running) running.ahead += QUERY + sending;
  }

  return {
    step(second: number): void {
      now = second;
      const minute = second / 60;
      if (minute % SWEEP_EVERY_MINUTES === 0 && !missedSweeps.includes(minute)) {
        running = { work: sweep(second), begun: second, ahead: second };
      }
      while (running && running.ahead < second + 1) {
        if (running.ahead - running.begun > STOPS_AFTER || running.work.next().done) {
          running = undefined;
        }
      }
      counted.most('sweepLag', second - sweptUntil);
    },
  };
}
