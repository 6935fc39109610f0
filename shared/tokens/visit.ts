import { type Clock, type EpochMs, plus, toSeconds } from '../runtime/clock.ts';
import { HOUR, VISIT_RESERVE, WARM_TURN } from './budgets.ts';
import type { ActiveConnection } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import { isWarm, type KeepWarm, slotFor } from './sweep-wheel.ts';
import type { TokenHelper } from './token-helper.ts';

export interface VisitDependencies {
  readonly tokens: Pick<TokenHelper, 'refreshIfDue'>;
  readonly table: Pick<ConnectionTable, 'move'>;
  readonly clock: Clock;
  readonly keepWarm: KeepWarm;
  /** Reports how many seconds an access token had left when its refresh began. */
  validityLeft(seconds: number): void;
}

/**
 * What a sweep does for a connection when its slot comes round: refreshes a token that would not last until the next visit, and
 * moves a connection that nobody uses to the daily slots.
 */
export function visits({ tokens, table, clock, keepWarm, validityLeft }: VisitDependencies) {
  return { visit };

  /**
   * @param until when the next visit comes: one that is late has less time to provide for
   * @throws AnyTokenError
   */
  async function visit(accountId: string, deadline: EpochMs, until?: EpochMs): Promise<void> {
    const begun = clock.now();
    const untilNext = until === undefined ? WARM_TURN : Math.max(until - begun, 0);
    const { before, rotated } = await tokens.refreshIfDue(accountId, {
      minValiditySeconds: Math.floor((untilNext + VISIT_RESERVE) / 1_000),
      deadline,
    });
    if (rotated) reportValidity(before, begun);
    // STORE has just given a slot to one that had none.
    if (before.sweepSlot === undefined || before.sweepSlot === 'disconnecting') return;
    const slot = slotFor(before, keepWarm, begun);
    // The next visit makes up for a move that fails.
    if (slot !== before.sweepSlot) await table.move(before, slot).catch(() => undefined);
  }

  /** Only of tokens that are meant to last until a visit: not of idle connections, nor of those that were idle until a moment ago. */
  function reportValidity(before: ActiveConnection, now: EpochMs): void {
    const { accessTokenExpiresAt, refreshedAt, sweepSlot, usedAt = 0 } = before;
    const isLongLived = accessTokenExpiresAt - refreshedAt > (WARM_TURN + VISIT_RESERVE) / 1_000;
    if (isLongLived && isWarm(sweepSlot) && usedAt < plus(now, -HOUR)) {
      validityLeft(accessTokenExpiresAt - toSeconds(now));
    }
  }
}
