import type { Connection } from '../../shared/tokens/connection.ts';
import { type Attempt, type Lost, windowOf } from './journal.ts';

/** What has become of a connection. All but the first two must never happen. */
export type Verdict =
  | 'alive'
  /** Inside the window that nothing can close, and recorded as what it is. */
  | 'lost in the window'
  | 'cut off, though its token is live'
  | 'dead, though active'
  | 'lost, though the answer arrived'
  | 'lost to a time-out'
  | 'lost in the window, recorded as something else'
  | 'no connection stored';

export const ALLOWED: readonly Verdict[] = ['alive', 'lost in the window'];

export interface Finding {
  readonly verdict: Verdict;
  readonly lost?: Lost | undefined;
}

/**
 * Judges a stored connection by what Jobber would accept now, and a loss by the journal.
 * @param attempts those with the stored refresh token
 */
export function judge(
  connection: Connection | undefined,
  refreshToken: string | undefined,
  liveRefreshTokens: readonly string[],
  attempts: readonly Attempt[],
): Finding {
  if (!connection || refreshToken === undefined) return { verdict: 'no connection stored' };
  const isActive = connection.status === 'active';
  if (liveRefreshTokens.includes(refreshToken)) {
    return { verdict: isActive ? 'alive' : 'cut off, though its token is live' };
  }
  if (isActive) return { verdict: 'dead, though active' };
  const lost = windowOf(attempts);
  if (!lost) return { verdict: 'lost, though the answer arrived' };
  if (lost.window === 'the function timed out') return { verdict: 'lost to a time-out', lost };
  return connection.statusReason === 'rotation_lost'
    ? { verdict: 'lost in the window', lost }
    : { verdict: 'lost in the window, recorded as something else', lost };
}
