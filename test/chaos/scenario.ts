import type { Fault } from '../../local/jobber/faults.ts';
import { REFRESH_AHEAD_S } from '../../shared/tokens/budgets.ts';
import type { Demand } from './load.ts';
import type { PlanOptions, Trouble } from './plan.ts';
import { type Random, random } from './random.ts';

/** What lives and is asked for while Jobber turns bad, or in any other run. Times in seconds of the system's clock. */
export interface Scenario {
  readonly accessTokenLifetime: number;
  readonly firstLifetime: (account: number) => number;
  readonly demand: Demand;
}

/** Jobber's own. */
const LIFETIME_S = 60 * 60;
/** From one refresh ahead of expiry to the next. */
const CYCLE_S = LIFETIME_S - REFRESH_AHEAD_S;
/** From when a connection is due until it is refreshed, about: the sweep's pace, and the queue. */
const LAG_S = 20;

/** As many refreshes as possible, of tokens that live for two minutes. */
const BUSY: Scenario = {
  accessTokenLifetime: 120,
  firstLifetime: () => 120,
  demand: { validity: [60, 118], rejected: 0.15 },
};

/**
 * With a bad time, tokens live as long as Jobber's, and are refreshed ahead of their expiry. Half of the connections come
 * due for it in the first half of the bad time, so that sweeps find them in it; the others at any time. Now and then an
 * API rejects a token before that.
 */
export function scenarioOf(options: PlanOptions): Scenario {
  const { seed, seconds, speed } = options;
  const lasts = badSeconds(options);
  if (lasts === 0) return BUSY;
  const { next } = random(seed + 2);
  const run = seconds * speed;
  return {
    accessTokenLifetime: LIFETIME_S,
    demand: { validity: [60, REFRESH_AHEAD_S], rejected: 0.01 },
    firstLifetime(account) {
      if (account % 2 === 1) return REFRESH_AHEAD_S + next() * Math.min(run, CYCLE_S);
      const due = run / 2 + (next() * lasts) / 2;
      const cycles = Math.floor(due / (CYCLE_S + LAG_S));
      return REFRESH_AHEAD_S + due - cycles * (CYCLE_S + LAG_S);
    },
  };
}

export const badSeconds = ({ brownout, late, refusals }: PlanOptions): number =>
  brownout || late || refusals;

type BadTrouble = Extract<Trouble, { kind: 'bad time' }>;

/** More than there are redemptions. */
const MANY = 2_000;
/** So much later than the work, at most. */
const LATEST_MS = 100_000;

/** Jobber in the middle of the run; nothing if it is good all the time. */
export function badTime(options: PlanOptions, dice: Random): BadTrouble[] {
  const { speed, brownout, late } = options;
  const lasts = badSeconds(options);
  if (lasts === 0) return [];
  // What it commits is what it answers badly.
  const refreshes = { path: 'token', grantType: 'refresh_token', unlessRefused: true } as const;
  const answersLate = (): Fault => ({
    kind: 'late',
    ms: dice.between(0, LATEST_MS) / speed,
    ...refreshes,
  });
  const answersBadly = (): Fault =>
    dice.pick<() => Fault>([
      answersLate,
      () => ({ kind: 'drop-after', ...refreshes }),
      () => ({ kind: 'status-after', status: 504, ...refreshes }),
    ])();
  const many = (fault: () => Fault) => Array.from({ length: MANY }, fault);
  const faults: Fault[] = brownout
    ? many(answersBadly)
    : late
      ? many(answersLate)
      : [{ kind: 'refuse-refresh-token', times: null }];
  return [{ kind: 'bad time', faults, forMs: (lasts * 1000) / speed }];
}
