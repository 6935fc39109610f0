import type { Minutes } from './measures.ts';
import { DEFAULTS, type Settings } from './settings.ts';

export interface Scenario {
  readonly name: string;
  readonly settings: Settings;
}

const MILLION = 1_000_000;
const HOUR_S = 3_600;
const OUTAGE = { from: 1.5 * HOUR_S, to: 3.5 * HOUR_S, kind: 'errors' } as const;
const OUTAGE_MINUTES = 360;
/** A queue is drained between two sweeps if no message waits for longer. */
const LATE_S = 300;

/** What is asked of a fleet of so many connections, and of a tenth of it. */
export function scenarios(connections: number, seed: number): Scenario[] {
  const large = fleet(connections, seed);
  const small = fleet(connections / 10, seed);
  const outage = (settings: Settings, more: Partial<Settings> = {}): Settings => ({
    ...settings,
    minutes: OUTAGE_MINUTES,
    outage: OUTAGE,
    ...more,
  });
  const all: Record<string, Settings> = {
    steady: large,
    'the sweep has 256 MB': { ...large, sweepMemoryMB: 256 },
    'all connected in one second': { ...large, start: 'at once', minutes: 200, warmUpMinutes: 0 },
    'a missed sweep': { ...large, missedSweeps: [90] },
    'no sweep for 20 minutes': { ...large, missedSweeps: [90, 95, 100, 105] },
    'outage, 100 % in use': outage(large),
    'outage, 30 % in use': outage(large, { inUse: 0.3 }),
    'outage, 3 % in use': outage(large, { inUse: 0.03 }),
    'small: 27 % come into use': {
      ...small,
      inUse: 0.03,
      wakes: { at: 1.5 * HOUR_S, share: 0.27 / 0.97 },
    },
    'small: imported, 3 % in use': {
      ...small,
      start: 'at once',
      inUse: 0.03,
      minutes: 36 * 60,
      warmUpMinutes: 0,
    },
    'small: outage': outage(small),
    'small: silent outage': outage(small, { outage: { ...OUTAGE, kind: 'silent' } }),
  };
  for (const perMillion of [10, 45, 50, 60, 80, 100]) {
    const maxConcurrentRefreshes = consumers(small.connections, perMillion);
    all[`small: ${maxConcurrentRefreshes} consumers`] = { ...small, maxConcurrentRefreshes };
    all[`small: ${maxConcurrentRefreshes} consumers, outage`] = outage(small, {
      maxConcurrentRefreshes,
    });
  }
  return Object.entries(all).map(([name, settings]) => ({ name, settings }));
}

/** With 60 consumers and 1,000 invocations of `get-token` at once for each million connections. */
function fleet(connections: number, seed: number): Settings {
  return {
    ...DEFAULTS,
    connections,
    seed,
    maxConcurrentRefreshes: consumers(connections, 60),
    getTokensAtOnce: Math.max(10, Math.ceil(connections / 1_000)),
  };
}

const consumers = (connections: number, perMillion: number): number =>
  Math.max(2, Math.ceil((perMillion * connections) / MILLION));

/** The numbers of one scenario. Minutes are counted from the end of the outage, if there was one. */
export interface Summary {
  readonly name: string;
  readonly connections: number;
  readonly maxConcurrentRefreshes: number;
  /** Refreshes at Jobber in the busiest second: all, and of callers. */
  readonly peakPerSecond: number;
  readonly peakByCallersPerSecond: number;
  /** By the sweep, on average, before the outage. */
  readonly refreshesPerSecond: number;
  /** Longest wait of the oldest message: before the outage, and from then on. In seconds. */
  readonly queueAge: number;
  readonly queueAgeFromOutage: number;
  readonly mostQueued: number;
  readonly queueAtEnd: number;
  readonly consumersBusy: number;
  readonly sweepLag: number;
  /** Seconds of validity left at a refresh of the sweep, at least; before the outage. `null` of none. */
  readonly leastValidity: number | null;
  readonly callersWhoWaited: number;
  readonly callersWithoutToken: number;
  readonly sentAgain: number;
  readonly messagesExpired: number;
  readonly breakerWritesPerSecond: number;
  readonly mostGetTokensWanted: number;
  readonly warmAtEnd: number;
  readonly afterOutage?: {
    readonly breakerClosedAfterMinutes: number;
    /** No caller was without a token from then on. */
    readonly everyCallerServedAfterMinutes: number;
    /** No caller had to wait from then on. */
    readonly noCallerWaitsAfterMinutes: number;
    /** No visit found an expired token from then on. */
    readonly allRefreshedAfterMinutes: number;
    /** No message waited for longer than 5 minutes from then on. `null`: not within the simulation. */
    readonly queueShortAfterMinutes: number | null;
    readonly refreshes: number;
    readonly callersWhoWaited: number;
    readonly callersWithoutToken: number;
  };
}

export function summary({ name, settings }: Scenario, minutes: Minutes): Summary {
  const { outage, warmUpMinutes, connections, maxConcurrentRefreshes } = settings;
  const end = settings.minutes;
  const calmUntil = outage ? outage.from / 60 : end;
  const part = (measure: keyof Minutes, from = warmUpMinutes, to = end) =>
    Array.from(minutes[measure].subarray(from, to));
  const least = Math.min(
    ...part('leastValidity', warmUpMinutes, calmUntil).filter(Number.isFinite),
  );
  return {
    name,
    connections,
    maxConcurrentRefreshes,
    peakPerSecond: most(part('peak')),
    peakByCallersPerSecond: most(part('peakByCallers')),
    refreshesPerSecond: mean(part('refreshesBySweep', warmUpMinutes, calmUntil)) / 60,
    queueAge: most(part('queueAge', warmUpMinutes, calmUntil)),
    queueAgeFromOutage: outage ? most(part('queueAge', calmUntil)) : 0,
    mostQueued: most(part('queueVisible')),
    queueAtEnd: most(part('queueVisible', end - 1)),
    consumersBusy: mean(part('consumersBusy', warmUpMinutes, calmUntil)),
    sweepLag: most(part('sweepLag')),
    leastValidity: Number.isFinite(least) ? least : null,
    callersWhoWaited: sum(part('callersWhoWaited')),
    callersWithoutToken: sum(part('callersWithoutToken')),
    sentAgain: sum(part('sentAgain')),
    messagesExpired: most(part('messagesExpired')),
    breakerWritesPerSecond: most(part('breakerWrites')),
    mostGetTokensWanted: most(part('getTokensWanted')),
    warmAtEnd: most(part('warm', end - 1)),
    ...(outage && { afterOutage: afterOutage(minutes, outage.to / 60) }),
  };
}

function afterOutage(minutes: Minutes, back: number): NonNullable<Summary['afterOutage']> {
  const end = minutes.warm.length;
  const lastWith = (measure: keyof Minutes) => {
    const values = minutes[measure].subarray(back);
    return values.findLastIndex((value) => value > 0) + 1;
  };
  const total = (measure: keyof Minutes) => sum(Array.from(minutes[measure].subarray(back)));
  const queued = minutes.queueAge.subarray(back);
  const lastLate = queued.findLastIndex((age) => age > LATE_S) + 1;
  return {
    breakerClosedAfterMinutes: lastWith('breakerOpenSeconds'),
    everyCallerServedAfterMinutes: lastWith('callersWithoutToken'),
    noCallerWaitsAfterMinutes: lastWith('callersWhoWaited'),
    allRefreshedAfterMinutes: lastWith('expiredWhenRefreshed'),
    queueShortAfterMinutes: lastLate < end - back ? lastLate : null,
    refreshes: total('refreshesBySweep') + total('refreshesByCallers'),
    callersWhoWaited: total('callersWhoWaited'),
    callersWithoutToken: total('callersWithoutToken'),
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]) => sum(values) / Math.max(1, values.length);
const most = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), 0);
