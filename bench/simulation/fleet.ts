import { encodeAccountId } from '../../local/jobber/accounts.ts';
import type { EpochMs } from '../../shared/runtime/clock.ts';
import { HOUR, IDLE_TURN, NOTE_USE_EVERY, WARM_TURN } from '../../shared/tokens/budgets.ts';
import { type KeepWarm, slotFor, slotOf, type WheelSlot } from '../../shared/tokens/sweep-wheel.ts';
import type { Random } from './random.ts';
import { type Settings, TOKEN_LIFE } from './settings.ts';

export const WARM_MINUTES = WARM_TURN / 60_000;
export const IDLE_MINUTES = IDLE_TURN / 60_000;

export const IN_USE = 1;
export const WARM = 2;

/** How many connections have each daily slot, by the product's own hash of their ids. */
export function countSlots(connections: number): Uint32Array {
  const counts = new Uint32Array(IDLE_MINUTES);
  for (let account = 1; account <= connections; account++) {
    const id = encodeAccountId(account);
    const minute = minuteOf(slotOf(id, 'idle'));
    counts[minute] = (counts[minute] as number) + 1;
    // The warm slot follows from the daily one, since 45 divides 1,440. A sample shows that it still does.
    if (account % 1_000 === 0 && minuteOf(slotOf(id, 'warm')) !== minute % WARM_MINUTES) {
      throw new Error('The warm slot does not follow from the daily one.');
    }
  }
  return counts;
}

export const minuteOf = (slot: WheelSlot): number => Number(slot.slice(slot.indexOf('/') + 1));
export const isWarmSlot = (slot: WheelSlot): boolean => slot.startsWith('warm/');

/** The connections, numbered in the order of their daily slot, so that a slot is a range of them. */
export interface Fleet {
  /** The second in which the access token expires. */
  readonly expiresAt: Int32Array;
  readonly flags: Uint8Array;
  /** Of those that nobody uses. */
  readonly lastUse: number;
  /** In seconds: unused for so long, a connection moves to a daily slot. */
  readonly idleAfter: number;
  readonly inSlot: (slot: WheelSlot) => Generator<number>;
  readonly count: (flag: number) => number;
}

export function createFleet(slots: Uint32Array, settings: Settings, random: Random): Fleet {
  const { connections, start, inUse } = settings;
  const expiresAt = new Int32Array(connections);
  const flags = new Uint8Array(connections);
  const from = new Uint32Array(IDLE_MINUTES + 1);
  for (let minute = 0; minute < IDLE_MINUTES; minute++) {
    from[minute + 1] = (from[minute] as number) + (slots[minute] as number);
    for (let id = from[minute] as number; id < (from[minute + 1] as number); id++) {
      const isUsed = random() < inUse;
      flags[id] = (isUsed ? IN_USE : 0) | (isUsed || start === 'at once' ? WARM : 0);
      expiresAt[id] = start === 'at once' ? TOKEN_LIFE : lastVisit(minute, isUsed) + TOKEN_LIFE;
    }
  }

  /** The start is minute 0 of both wheels. The minute's visit came 1 to 6 minutes after it. */
  function lastVisit(minute: number, isUsed: boolean): number {
    const turn = isUsed ? WARM_MINUTES : IDLE_MINUTES;
    return Math.min(0, ((minute % turn) - turn) * 60 + 60 + Math.round(random() * 300));
  }

  return {
    expiresAt,
    flags,
    lastUse: start === 'at once' ? 0 : -30 * 24 * 3_600,
    idleAfter: idleAfter(24 * HOUR),
    *inSlot(slot) {
      const isWarm = isWarmSlot(slot);
      const turn = isWarm ? WARM_MINUTES : IDLE_MINUTES;
      for (let minute = minuteOf(slot); minute < IDLE_MINUTES; minute += turn) {
        for (let id = from[minute] as number; id < (from[minute + 1] as number); id++) {
          if ((((flags[id] as number) & WARM) !== 0) === isWarm) yield id;
        }
      }
    },
    count: (flag) => {
      let count = 0;
      for (const each of flags) if (each & flag) count++;
      return count;
    },
  };
}

/** Asks the product's `slotFor` once, instead of hashing an id at each visit. */
function idleAfter(keepWarm: KeepWarm): number {
  const accountId = encodeAccountId(1);
  const connectedAt = 0 as EpochMs;
  let [warm, idle] = [0, 7 * 24 * HOUR];
  if (isWarmSlot(slotFor({ accountId, connectedAt }, keepWarm, idle as EpochMs))) {
    throw new Error(`Still warm after a week, noted every ${NOTE_USE_EVERY} ms.`);
  }
  while (idle - warm > 1_000) {
    const middle = (warm + idle) / 2;
    if (isWarmSlot(slotFor({ accountId, connectedAt }, keepWarm, middle as EpochMs))) warm = middle;
    else idle = middle;
  }
  return Math.ceil(idle / 1_000);
}
