import { encodeAccountId } from '../../local/jobber/accounts.ts';
import type { Fault } from '../../local/jobber/faults.ts';
import type { EpochMs } from '../../shared/runtime/clock.ts';
import { WARM_TURN } from '../../shared/tokens/budgets.ts';
import { type SlotsOfMinute, slotOf, slotsBetween } from '../../shared/tokens/sweep-wheel.ts';
import type { Demand, Sweeps } from './load.ts';
import type { PlanOptions, Trouble } from './plan.ts';
import type { Random } from './random.ts';

/** What lives and is asked for while Jobber turns bad, or in any other run. Times in seconds of the system's clock. */
export interface Scenario {
  readonly accountIds: readonly string[];
  readonly accessTokenLifetime: number;
  /** Of the first access token of an account. */
  readonly firstLifetime: (accountId: string) => number;
  /** How long before the run the account has connected. */
  readonly connectedAgo: (accountId: string) => number;
  readonly demand: Demand;
  readonly sweeps: Sweeps;
  /** When the load begins, in milliseconds of the system's clock: all have connected by then. */
  readonly begins: number;
}

const FIRST_ACCOUNT = 700_000;
/** Jobber's own. */
const LIFETIME_S = 60 * 60;
const SHORT_LIFETIME_S = 120;
/** So much time of the system's clock is there for all to connect. */
const CONNECTING_MS = 60_000;
/** So long after it has begun, slots come round in the bad time. */
const LEAD_MS = 5_000;
const MINUTE = 60_000;

export const accessTokenLifetimeOf = (options: PlanOptions): number =>
  badSeconds(options) === 0 ? SHORT_LIFETIME_S : LIFETIME_S;

/** @param now when all begin to connect, on the system's clock */
export function scenarioOf(options: PlanOptions, now: number): Scenario {
  return badSeconds(options) === 0 ? busy(options, now) : whileBad(options, now);
}

/**
 * As many refreshes as possible, of tokens that live for two minutes, so every sweep visits all. Each second connection has not been
 * used for days: some are moved to their idle slots before somebody asks for them.
 */
function busy({ accounts }: PlanOptions, now: number): Scenario {
  const accountIds = Array.from({ length: accounts }, (_, index) => idOf(index));
  return {
    accountIds,
    accessTokenLifetime: SHORT_LIFETIME_S,
    firstLifetime: () => SHORT_LIFETIME_S,
    connectedAgo: (accountId) => (accountIds.indexOf(accountId) % 2) * UNUSED_S,
    demand: { validity: [60, 118], rejected: 0.15 },
    sweeps: { areByClock: false, everyMs: 30_000 },
    begins: now,
  };
}

const UNUSED_S = 3 * 24 * 60 * 60;

/**
 * With a bad time, tokens live as long as Jobber's, and sweeps go by the wheel, as if they had done so for long: each token was
 * refreshed when its slot came round last. The slots of half of the connections come round in the first half of the bad
 * time, so that sweeps find them due in it; those of the others at any time. Now and then an API rejects a token.
 */
function whileBad(options: PlanOptions, now: number): Scenario {
  const { accounts, seconds, speed } = options;
  const untilBad = (seconds * speed * 1000) / 2;
  const earliest = now + CONNECTING_MS + untilBad + LEAD_MS;
  const start = Math.ceil(earliest / MINUTE) * MINUTE - LEAD_MS;
  const half = Math.max(badSeconds(options) * 500, LEAD_MS);
  const dueInIt = slotsBetween(start as EpochMs, (start + half) as EpochMs).flatMap(
    ({ slots }) => slots,
  );
  let next = 0;
  const accountIds = Array.from({ length: accounts }, (_, index) => {
    const mayBeAny = index % 2 === 1;
    for (;;) {
      const accountId = idOf(next++);
      if (mayBeAny || dueInIt.includes(slotOf(accountId, 'warm'))) return accountId;
    }
  });
  return {
    accountIds,
    accessTokenLifetime: LIFETIME_S,
    firstLifetime: (accountId) => LIFETIME_S - sinceItsMinute(accountId, now) / 1000,
    connectedAgo: () => 0,
    demand: { validity: [60, 15 * 60], rejected: 0.01 },
    sweeps: { areByClock: true, everyMs: 10_000 },
    begins: start - untilBad,
  };
}

const idOf = (index: number): string => encodeAccountId(FIRST_ACCOUNT + index);

/** How long ago, in milliseconds, the warm slot of this account came round. */
function sinceItsMinute(accountId: string, now: number): number {
  const slot = slotOf(accountId, 'warm');
  const turn = slotsBetween((now - WARM_TURN) as EpochMs, now as EpochMs);
  const { begins } = turn.findLast(({ slots }) => slots.includes(slot)) as SlotsOfMinute;
  return now - begins;
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
