import { type EpochMs, plus } from '../runtime/clock.ts';
import { GRACE, REFUSED_PAUSE } from './budgets.ts';
import type { Held } from './conditional-update.ts';
import {
  type Connection,
  hasRefreshToken,
  type LapsedConnection,
  type RedemptionMarks,
} from './connection.ts';
import type { ReconnectReason } from './errors.ts';

export type RefusalReason = Extract<ReconnectReason, 'rotation_lost' | 'revoked'>;

/** What the holder of a lease knows of a refusal, besides the item. */
export interface Evidence {
  /** The lease was taken over from a holder that never ended it, and that may still store. */
  readonly abandoned: boolean;
  /** An attempt under this lease had no answer, so it may have redeemed the token. */
  readonly unanswered: boolean;
}

export type Verdict =
  /** Somebody else replaced the token, or the connection ended: use what is stored. */
  | { readonly kind: 'superseded' }
  /** No verdict yet: `marks` are what the next holder needs to know. */
  | { readonly kind: 'wait'; readonly marks: RedemptionMarks }
  | { readonly kind: 'lapse'; readonly reason: RefusalReason };

/**
 * What a refusal means, line by line as in docs/rotation.md, "When Jobber refuses a token".
 * @param found the item, read consistently after the refusal
 */
export function verdictOn(
  found: Connection | undefined,
  held: Held,
  evidence: Evidence,
  now: EpochMs,
): Verdict {
  if (found?.status !== 'active' || !hasRefreshToken(found, held.refreshToken)) {
    return { kind: 'superseded' };
  }
  const wait: Verdict = { kind: 'wait', marks: marksOfRefusal(found, evidence, now) };
  if (evidence.abandoned) return wait;
  if (found.refusedAt === undefined || isWithinGrace(found.refusedAt, now)) return wait;
  if (found.inDoubtSince !== undefined && isWithinGrace(found.inDoubtSince, now)) return wait;
  return { kind: 'lapse', reason: reasonFor(found, evidence) };
}

/** Why a token is refused for good: whether anybody may have redeemed it. */
export function reasonFor(
  { inDoubtSince, unconfirmedAt }: RedemptionMarks,
  { abandoned, unanswered }: Evidence,
): RefusalReason {
  const mayBeRedeemed =
    abandoned || unanswered || inDoubtSince !== undefined || unconfirmedAt !== undefined;
  return mayBeRedeemed ? 'rotation_lost' : 'revoked';
}

/** After an appeal: the reason that the connection was given up for, unless it turns out that somebody redeemed the token. */
export const reasonAfterAppeal = (lapsed: LapsedConnection, evidence: Evidence): ReconnectReason =>
  reasonFor(lapsed, evidence) === 'rotation_lost' ? 'rotation_lost' : lapsed.statusReason;

const marksOfRefusal = (
  { refusedAt = Infinity as EpochMs }: RedemptionMarks,
  evidence: Evidence,
  now: EpochMs,
): RedemptionMarks => ({
  ...marksOf(evidence, now),
  // A time in the future was written by a clock that was wrong.
  refusedAt: Math.min(refusedAt, now) as EpochMs,
  retryAt: plus(now, REFUSED_PAUSE),
});

/** What the next holder must know of an attempt that did not end in a rotation. */
export const marksOf = ({ abandoned, unanswered }: Evidence, now: EpochMs): RedemptionMarks => ({
  inDoubtSince: abandoned ? now : undefined,
  unconfirmedAt: unanswered ? now : undefined,
});

/** A time in the future was written by a clock that was wrong, and starts the grace anew. */
export const isWithinGrace = (since: EpochMs, now: EpochMs): boolean => now < plus(since, GRACE);
