import { describe, expect, it } from 'vitest';
import { type EpochMs, plus } from '../../../shared/runtime/clock.ts';
import { HOUR, NOTE_USE_EVERY } from '../../../shared/tokens/budgets.ts';
import {
  isWarm,
  nextVisit,
  slotFor,
  slotOf,
  slotsBetween,
  type WheelSlot,
} from '../../../shared/tokens/sweep-wheel.ts';

const MINUTE = 60_000;
const DAY = 24 * HOUR;
const at = (iso: string) => Date.parse(iso) as EpochMs;
const NOON = at('2026-11-24T12:00:00Z');
const ids = Array.from({ length: 20_000 }, (_, id) => `account-${id}`);
const slots = (last: EpochMs, now: EpochMs) =>
  slotsBetween(last, now).flatMap((minute) => minute.slots);

describe('the slot of a connection', () => {
  it('is decided by its id alone', () => {
    expect(slotOf('account-7', 'warm')).toBe(slotOf('account-7', 'warm'));
    expect(slotOf('account-7', 'warm')).toMatch(/^warm\/\d\d$/);
    expect(slotOf('account-7', 'idle')).toMatch(/^idle\/\d{4}$/);
  });

  it.each([
    ['warm', 45],
    ['idle', 1_440],
  ] as const)(
    'on the %s wheel is one of %d, and a fleet is spread over all of them',
    (wheel, many) => {
      const sizes = new Map<string, number>();
      for (const id of ids) {
        const slot = slotOf(id, wheel);
        sizes.set(slot, (sizes.get(slot) ?? 0) + 1);
      }
      expect(sizes.size).toBe(many);
      const mean = ids.length / many;
      // Six standard deviations of a Poisson distribution.
      for (const size of sizes.values()) {
        expect(Math.abs(size - mean)).toBeLessThan(6 * Math.sqrt(mean));
      }
    },
  );
});

describe('the slots of a sweep', () => {
  it('are those of the minutes since the last one', () => {
    expect(slotsBetween(plus(NOON, -2 * MINUTE), NOON)).toEqual([
      { begins: plus(NOON, -MINUTE), slots: expect.arrayContaining(['idle/0719']) },
      { begins: NOON, slots: expect.arrayContaining(['idle/0720']) },
    ]);
  });

  it('follow each other without a gap, and none comes twice in a turn', () => {
    const turn: WheelSlot[] = [];
    for (let sweep = 0; sweep < 9; sweep++) {
      const from = plus(NOON, sweep * 5 * MINUTE);
      turn.push(...slots(from, plus(from, 5 * MINUTE)).filter(isWarm));
    }
    expect(turn).toHaveLength(45);
    expect(new Set(turn).size).toBe(45);
  });

  it('are none if the sweep is repeated, or comes before its time', () => {
    expect(slots(NOON, NOON)).toEqual([]);
    expect(slots(NOON, plus(NOON, MINUTE - 1))).toEqual([]);
    expect(slots(NOON, plus(NOON, -5 * MINUTE))).toEqual([]);
  });

  it('make up for sweeps that were missed, each slot once', () => {
    const missed = slots(plus(NOON, -3 * HOUR), NOON);
    expect(missed.filter(isWarm)).toHaveLength(45);
    expect(missed.filter((slot) => !isWarm(slot))).toHaveLength(180);
    const longAgo = slots(plus(NOON, -30 * DAY), NOON);
    expect(new Set(longAgo).size).toBe(longAgo.length);
    expect(longAgo).toHaveLength(45 + 1_440);
  });

  it('hold each connection once a turn', () => {
    const turn = new Set(slots(plus(NOON, -45 * MINUTE), NOON));
    const day = new Set(slots(plus(NOON, -DAY), NOON));
    for (const id of ids.slice(0, 500)) {
      expect(turn).toContain(slotOf(id, 'warm'));
      expect(day).toContain(slotOf(id, 'idle'));
    }
  });

  it('are due again after a turn', () => {
    for (const { begins, slots } of slotsBetween(plus(NOON, -MINUTE), NOON)) {
      for (const slot of slots) {
        const next = nextVisit(slot, begins);
        expect(next - begins).toBe(isWarm(slot) ? 45 * MINUTE : DAY);
        expect(slotsBetween(plus(next, -MINUTE), next)[0]?.slots).toContain(slot);
      }
    }
  });
});

describe('which slot a connection ought to have', () => {
  const connectedAt = at('2026-11-01T00:00:00Z');
  const keepWarm = 24 * HOUR;
  /** The note of a use may be older than the use. */
  const latest = keepWarm + NOTE_USE_EVERY + HOUR;
  const wheelAfter = (since: number, usedAt?: EpochMs, keep: number | 'forever' = keepWarm) => {
    const connection = { accountId: 'account-7', connectedAt, ...(usedAt && { usedAt }) };
    return slotFor(connection, keep, plus(usedAt ?? connectedAt, since)).split('/')[0];
  };

  it('a new one is warm, until nobody used it for a day and the notes’ delay', () => {
    expect(wheelAfter(latest - 1)).toBe('warm');
    expect(wheelAfter(latest)).toBe('idle');
  });

  it('a use counts, and a reconnect after it', () => {
    expect(wheelAfter(latest - 1, plus(connectedAt, 5 * DAY))).toBe('warm');
    expect(wheelAfter(latest, plus(connectedAt, 5 * DAY))).toBe('idle');
    const before = { accountId: 'a', connectedAt, usedAt: plus(connectedAt, -9 * DAY) };
    expect(slotFor(before, keepWarm, plus(connectedAt, latest - 1))).toBe(slotOf('a', 'warm'));
  });

  it('all are warm if that is kept for ever', () => {
    expect(wheelAfter(900 * DAY, undefined, 'forever')).toBe('warm');
  });
});
