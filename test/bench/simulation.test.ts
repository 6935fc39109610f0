import { describe, expect, it } from 'vitest';
import { countSlots, IDLE_MINUTES } from '../../bench/simulation/fleet.ts';
import type { Measure } from '../../bench/simulation/measures.ts';
import { DEFAULTS, type Settings } from '../../bench/simulation/settings.ts';
import { simulate } from '../../bench/simulation/simulate.ts';

const CONNECTIONS = 30_000;
const FLEET: Settings = {
  ...DEFAULTS,
  connections: CONNECTIONS,
  maxConcurrentRefreshes: 3,
  getTokensAtOnce: 30,
};
const TURN = 45;
const SLOTS = countSlots(CONNECTIONS);

function run(more: Partial<Settings>, slots = SLOTS) {
  const { minutes, expiresAt } = simulate(slots, { ...FLEET, ...more });
  return {
    expiresAt,
    minutes,
    total: (measure: Measure, from = 0, to = minutes.warm.length) =>
      minutes[measure].subarray(from, to).reduce((sum, value) => sum + value, 0),
    least: (measure: Measure, from = 0) =>
      Math.min(...minutes[measure].subarray(from).filter(Number.isFinite)),
  };
}

/** An outage from minute 60 to 180, and an hour after it. */
const OUTAGE = {
  minutes: 240,
  outage: { from: 60 * 60, to: 180 * 60, kind: 'errors' },
} as const;

describe('the simulated sweep', () => {
  it('visits every connection once a turn, before its token expires', () => {
    const { total, least } = run({ minutes: 60 + 2 * TURN });
    expect(total('queuedBySweep', 60, 60 + TURN)).toBe(CONNECTIONS);
    expect(total('queuedBySweep', 60 + TURN)).toBe(CONNECTIONS);
    expect(total('expiredWhenRefreshed')).toBe(0);
    expect(total('callersWhoWaited')).toBe(0);
    expect(least('leastValidity', 60)).toBeGreaterThan(10 * 60);
  });

  it('spreads a fleet that connected in one second over the whole turn', () => {
    const { minutes, total } = run({ start: 'at once', minutes: 60 + 2 * TURN });
    const mean = (CONNECTIONS * 5) / TURN;
    const sweeps = Array.from({ length: 2 * (TURN / 5) }, (_, index) =>
      minutes.queuedBySweep.subarray(60 + 5 * index, 65 + 5 * index).reduce((a, b) => a + b, 0),
    );
    expect(Math.max(...sweeps)).toBeLessThan(1.1 * mean);
    expect(Math.min(...sweeps)).toBeGreaterThan(0.9 * mean);
    expect(Math.max(...minutes.queueAge)).toBeLessThan(5 * 60);
    expect(total('expiredWhenRefreshed')).toBe(0);
    expect(total('callersWhoWaited')).toBe(0);
  });

  it('shows a long queue if all connections have the same slot', () => {
    const oneSlot = new Uint32Array(IDLE_MINUTES);
    oneSlot[10] = CONNECTIONS;
    const { minutes } = run({ start: 'at once', minutes: 60 + 2 * TURN }, oneSlot);
    expect(Math.max(...minutes.queueAge)).toBeGreaterThan(15 * 60);
  });

  it('makes up for a missed sweep before any token expires', () => {
    const { total } = run({ missedSweeps: [90], minutes: 60 + 2 * TURN });
    expect(total('queuedBySweep', 90, 95)).toBe(0);
    expect(total('queuedBySweep', 60, 60 + 2 * TURN)).toBe(2 * CONNECTIONS);
    expect(total('expiredWhenRefreshed')).toBe(0);
  });

  it('moves imported connections that nobody uses to the daily slots', () => {
    const { minutes, total } = run({ start: 'at once', inUse: 0.03, minutes: 34 * 60 });
    expect(minutes.warm[30 * 60]).toBe(CONNECTIONS);
    expect(minutes.idle.at(-1)).toBeGreaterThan(0.96 * CONNECTIONS);
    const lastTurn = total('queuedBySweep', 34 * 60 - TURN);
    expect(lastTurn).toBeLessThan(0.08 * CONNECTIONS);
  });
});

describe('the simulated outage', () => {
  it.each([0.3, 1])(
    'leaves every connection in use with a valid token an hour later (%d in use)',
    (inUse) => {
      const { expiresAt, total, minutes } = run({ ...OUTAGE, inUse });
      const end = OUTAGE.minutes * 60;
      const warm = minutes.warm.at(-1) ?? 0;
      expect(expiresAt.filter((each) => each > end).length).toBeGreaterThanOrEqual(warm);
      expect(total('expiredWhenRefreshed', 180 + 40)).toBe(0);
      expect(total('callersWithoutToken', 180 + 5)).toBe(0);
    },
  );

  it('keeps almost all requests away from Jobber while it is down', () => {
    const { total } = run(OUTAGE);
    const probes = (120 * 60) / 11;
    expect(total('refreshesBySweep', 61, 180)).toBeLessThan(1.1 * probes);
    expect(total('sentAgain', 61, 180)).toBeGreaterThan(CONNECTIONS);
  });

  it('repeats itself with the same seed', () => {
    const once = run({ ...OUTAGE, seed: 7 });
    const again = run({ ...OUTAGE, seed: 7 });
    expect(again.minutes).toEqual(once.minutes);
  });
});
