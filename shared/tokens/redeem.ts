import { backoff } from '../runtime/backoff.ts';
import { type Clock, type EpochMs, plus } from '../runtime/clock.ts';
import * as budget from './budgets.ts';
import type { Passage } from './circuit-breaker.ts';
import type { Held } from './conditional-update.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { Redeem, Redemption } from './token-endpoint.ts';

export interface HeldLease extends Held {
  /** Until when the lease lasts without RENEW. */
  readonly leaseExpiresAt: EpochMs;
  /** The lease was taken over from a holder that never ended it, and that may still store. */
  readonly abandoned: boolean;
}

export interface Redeemed {
  /** The last answer; `undefined` if there was no time for an attempt. */
  readonly redemption: Redemption | undefined;
  /** An attempt may have redeemed the token without anybody hearing of it. */
  readonly unanswered: boolean;
  /** Milliseconds that the last attempt took. */
  readonly took: number;
}

/**
 * REDEEM: sends the refresh token until there is an answer, or too little time for another attempt. While an answer is out,
 * RENEW extends the lease, so that nobody else sends the same token. A holder that loses its lease all the same goes on
 * waiting, since only it can hear of the successor, but sends nothing more.
 */
export async function redeemHeld(
  { table, clock }: { table: ConnectionTable; clock: Clock },
  held: HeldLease,
  {
    redeem,
    refreshToken,
    deadline,
    passage,
  }: {
    redeem: Redeem;
    refreshToken: string;
    deadline: EpochMs;
    passage: Passage;
  },
): Promise<Redeemed> {
  const answerBy = plus(deadline, -(budget.STORE + budget.ESCROW));
  const lastStart = Math.min(
    plus(answerBy, -budget.REDEEM),
    plus(clock.now(), budget.RETRIES),
  ) as EpochMs;
  let { leaseExpiresAt } = held;
  let sentAt: EpochMs | undefined;
  let redemption: Redemption | undefined;
  let unanswered = false;
  let took = 0;

  const stopRenewing = clock.every(budget.RENEW_EVERY, renew);
  try {
    for (let attempt = 0; mayBegin() && passage.sending(); attempt++) {
      sentAt = clock.now();
      // Refresh tokens work once: wait for the answer as long as its successor can still be stored.
      redemption = await redeem(refreshToken, answerBy - sentAt).catch(brokenEndpoint);
      took = clock.now() - sentAt;
      sentAt = undefined;
      if (redemption.outcome !== 'unknown') break;

      unanswered ||= redemption.maybeRedeemed;
      await passage.ended(redemption.maybeRedeemed ? 'lost' : 'harmless', took);
      if (!(await mayTryAgain(redemption, attempt))) break;
    }
    return { redemption, unanswered, took };
  } finally {
    stopRenewing();
  }

  function mayBegin(): boolean {
    return clock.now() <= lastStart && clock.now() < leaseExpiresAt;
  }

  async function renew(): Promise<void> {
    const expiresAt = plus(clock.now(), budget.LEASE);
    const isSlow = sentAt !== undefined && clock.now() >= plus(sentAt, budget.SLOW_ANSWER);
    if (isSlow) void passage.slow();
    const renewed = await table.renew(held, expiresAt).catch(() => undefined);
    if (renewed) leaseExpiresAt = renewed.written ? expiresAt : (0 as EpochMs);
  }

  async function mayTryAgain(
    { maybeRedeemed, retryAfterMs = 0 }: Extract<Redemption, { outcome: 'unknown' }>,
    attempt: number,
  ): Promise<boolean> {
    // Once more after a lost answer shows whether it was a rotation. More would only be lost as well, so RETRIES leaves no
    // time for a second pause of PROBE_EVERY.
    const pause = Math.max(
      retryAfterMs,
      backoff(attempt, 250, 2_000),
      maybeRedeemed ? budget.PROBE_EVERY : 0,
    );
    if (plus(clock.now(), pause) > lastStart) return false;
    await clock.sleep(pause);
    return maybeRedeemed ? passage.again() : true;
  }
}

/** An endpoint that throws breaks its contract; the token may be spent all the same. */
const brokenEndpoint = (): Redemption => ({
  outcome: 'unknown',
  maybeRedeemed: true,
  cause: 'unexpected error',
});
