import { LEASE } from '../../shared/tokens/budgets.ts';
import type { BreakerWatch } from './breaker-watch.ts';
import type { Attempt, Lost } from './journal.ts';

/** A time in which Jobber is bad, on the system's clock. */
export interface BadTime {
  readonly start: number;
  readonly end: number;
  /** How many connections came due in it. */
  readonly due: number;
}

/**
 * What a bad time cost, from the wire.
 * - `in flight`: sent before its process could know; and its answer never left Jobber.
 * - `a probe`: sent by the one who held the probe's place, to find out whether Jobber is back.
 * - `closed too early`: the breaker had been open, and let it go.
 * - `beyond`: everything else.
 */
export type Price = 'in flight' | 'a probe' | 'closed too early' | 'beyond';

/** An answer that is outstanding for so long is as good as lost. */
const NOTICED_AFTER = 10_000;
/** A process that lost an answer tells all others within this time. */
const TOLD_WITHIN = 5_000;

export interface Evidence {
  readonly badTime: BadTime;
  readonly attempts: readonly Attempt[];
  readonly breaker: BreakerWatch;
}

/** The redemptions that probes were, in order; the first of each. Not every place is used. */
export function probesOf({ attempts, breaker }: Omit<Evidence, 'badTime'>): Attempt[] {
  const probes = breaker.probes();
  return probes.flatMap(({ container, at, endedAt }, index) => {
    const next = probes.find((each, later) => later > index && each.container === container);
    // A place that nothing was sent from says nothing of what its container sends later.
    const before = Math.min(next?.at ?? Number.POSITIVE_INFINITY, at + LEASE, endedAt);
    const isItsOwn = (each: Attempt) =>
      each.container === container && each.at >= at && each.at < before;
    return attempts.find(isItsOwn) ?? [];
  });
}

/** Of the redemption that a connection was lost with. `undefined`: the bad time is not why. */
export function priceOf({ window, attempt }: Lost, evidence: Evidence): Price | undefined {
  const { start, end } = evidence.badTime;
  const isOfBadTime = attempt.at >= start && attempt.at <= end;
  if (window === 'the function timed out') return 'beyond';
  if (!isOfBadTime || attempt.killed) return undefined;
  // It was late, and nobody waited for it.
  if (window !== 'the answer never left Jobber') return 'beyond';
  const isProbe = probesOf(evidence).some(
    ({ container, token }) => container === attempt.container && token === attempt.token,
  );
  if (isProbe) return 'a probe';
  if (!couldKnow(attempt, evidence)) return 'in flight';
  return evidence.breaker.wasClosed(start, attempt.at, TOLD_WITHIN) ? 'closed too early' : 'beyond';
}

function couldKnow(attempt: Attempt, { badTime, attempts, breaker }: Evidence): boolean {
  const { container, at } = attempt;
  const losses = attempts
    .filter((each) => each.at >= badTime.start && each.at < at)
    .map((each) => ({ container: each.container, at: noticedAt(each) }));
  if (losses.some((loss) => loss.container === container && loss.at < at)) return true;
  if (attempt.isUrgent) return false;
  const toldAt = Math.min(...losses.map((loss) => loss.at + TOLD_WITHIN));
  const opened = breaker.openFrom(badTime.start);
  if (at > toldAt) return true;
  // It may have read the breaker just before that was opened.
  const isOnTheWay = (breaker.lastRead(container, at) ?? 0) < opened && at < opened + TOLD_WITHIN;
  return at > opened && !isOnTheWay;
}

/** When its process could notice that something is wrong; Infinity: nothing was. */
function noticedAt({ at, sent, killed, endedAt = Number.POSITIVE_INFINITY }: Attempt): number {
  if (killed) return Number.POSITIVE_INFINITY;
  const isLost = sent !== 'tokens' && sent !== 'refusal';
  if (isLost && endedAt < at + NOTICED_AFTER) return endedAt;
  return endedAt >= at + NOTICED_AFTER ? at + NOTICED_AFTER : Number.POSITIVE_INFINITY;
}

/** Between the first redemptions of two probes, in milliseconds; Infinity: there were not two. */
export function shortestDistance(probes: readonly Attempt[]): number {
  const times = probes.map(({ at }) => at).sort((one, other) => one - other);
  const distances = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  return Math.min(...distances);
}
