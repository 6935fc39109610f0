import { type EpochMs, type EpochSeconds, plus, toSeconds } from '../runtime/clock.ts';
import { ESCROW_TRIES, LONGEST_LEASE, REFUSED_PAUSE, REJECTED_TOKEN_AGE } from './budgets.ts';
import type { Urgency } from './circuit-breaker.ts';
import type { ActiveConnection } from './connection.ts';
import type { DueWhen } from './connection-table.ts';
import { AccessTokenRejectedError, RotationInDoubtError, type TokenError } from './errors.ts';
import { sameSealed } from './same-sealed.ts';

/** An access token, opened. */
export interface IssuedToken {
  readonly accountId: string;
  readonly accessToken: string;
  readonly expiresAt: EpochSeconds;
}

export interface Wanted {
  /** A token that lasts no longer than this is refreshed, if much of its life is over. */
  readonly validitySeconds: number;
  /** The access token that the API answered with 401. */
  readonly rejectedToken: string | undefined;
}

export type Decision =
  /** The stored token will do. */
  | { readonly kind: 'use' }
  | { readonly kind: 'refresh'; readonly due: DueWhen; readonly urgency: Urgency }
  /** Somebody else refreshes. */
  | { readonly kind: 'follow' }
  | { readonly kind: 'fail'; readonly error: TokenError };

/** A token that lasts for this long serves a caller: a refresh is not urgent. */
const COMFORT_S = 60;

/**
 * What to do for a caller, given the stored connection.
 * @param current its access token, if it has one
 */
export function decide(
  connection: ActiveConnection,
  current: IssuedToken | undefined,
  { validitySeconds, rejectedToken }: Wanted,
  now: EpochMs,
): Decision {
  const wanted = { validitySeconds, rejectedToken };
  const { refreshedAt } = connection;
  if (current && isGood({ ...current, refreshedAt }, wanted, now)) return { kind: 'use' };
  const isRejected = current !== undefined && current.accessToken === rejectedToken;
  const lasts = current && !isRejected ? current.expiresAt - toSeconds(now) : 0;
  if (isRejected && isTooYoung(connection, now)) {
    return { kind: 'fail', error: new AccessTokenRejectedError() };
  }
  if (isPaused(connection, now)) return { kind: 'fail', error: new RotationInDoubtError() };
  if (isLeased(connection, now)) return { kind: 'follow' };
  const due: DueWhen = isRejected
    ? { horizon: toSeconds(now), rejected: connection.accessToken }
    : { horizon: connection.accessTokenExpiresAt };
  return { kind: 'refresh', due, urgency: lasts > COMFORT_S ? 'ahead' : 'now' };
}

/**
 * Whether a token is what a caller wants. One with most of its life left always is: where tokens live for less than callers
 * ask for, every call would refresh.
 */
export function isGood(
  token: IssuedToken & { readonly refreshedAt: EpochSeconds },
  { validitySeconds, rejectedToken }: Wanted,
  now: EpochMs,
): boolean {
  const lasts = token.expiresAt - toSeconds(now);
  const isFresh = lasts > (token.expiresAt - token.refreshedAt) / 2;
  return token.accessToken !== rejectedToken && lasts > 0 && (lasts > validitySeconds || isFresh);
}

/** A missing scope answers 401 as well; refreshing again and again would not help. */
function isTooYoung({ refreshedAt }: ActiveConnection, now: EpochMs): boolean {
  // A time in the future was written by a clock that was wrong.
  return Math.abs(toSeconds(now) - refreshedAt) * 1000 < REJECTED_TOKEN_AGE;
}

export const isDue = (connection: ActiveConnection, due: DueWhen): boolean =>
  connection.accessTokenExpiresAt <= due.horizon ||
  sameSealed(connection.accessToken, due.rejected);

/** Stands for a time that was never written. */
const LONG_AGO = 0 as EpochMs;

/** Whether the token was refused a moment ago, or is spent and its successor on the way. */
export const isPaused = (
  { retryAt = LONG_AGO, escrowedAt = LONG_AGO }: ActiveConnection,
  now: EpochMs,
): boolean =>
  (retryAt > now && retryAt <= plus(now, 2 * REFUSED_PAUSE)) ||
  (escrowedAt > plus(now, -ESCROW_TRIES) && escrowedAt <= plus(now, LONGEST_LEASE));

export const isLeased = ({ leaseExpiresAt = LONG_AGO }: ActiveConnection, now: EpochMs): boolean =>
  leaseExpiresAt >= now && leaseExpiresAt <= plus(now, LONGEST_LEASE);
