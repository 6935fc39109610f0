import type { EpochMs, EpochSeconds } from '../runtime/clock.ts';
import { ACCESS_TOKEN_LIFETIME_S } from './token-response.ts';

const SAME_TIME_MS = 60_000;

/**
 * When Jobber made a grant, by Jobber's own clock: its access token expires an hour later. So two grants of one account are
 * ordered as Jobber made them, and not by whose answer reached us first. By our clock if the token does not live for an hour.
 * @returns the end of the second, so that a disconnect dated in that second is not taken for one that came after the grant
 */
export function grantedAt(expiresAt: EpochSeconds, now: EpochMs): EpochMs {
  const byJobber = ((expiresAt - ACCESS_TOKEN_LIFETIME_S) * 1000 + 999) as EpochMs;
  const isPlausible = Math.abs(byJobber - now) < SAME_TIME_MS;
  return isPlausible ? byJobber : now;
}
