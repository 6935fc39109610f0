import type { EpochMs } from '../runtime/clock.ts';
import {
  type ConditionalUpdate,
  type Held,
  heldValues,
  LEASE,
  LEASE_AND_MARKS,
  LEASE_MINE,
  NOBODY_ROTATED,
  VERDICT,
  type WriteResult,
} from './conditional-update.ts';
import { type Connection, hasRefreshToken } from './connection.ts';
import type { StoreResult, Successor } from './connection-table.ts';
import { sameSealed } from './same-sealed.ts';
import type { Sealed } from './sealing.ts';
import { slotOf } from './sweep-wheel.ts';

/* The writes that follow an answer with tokens, each with the condition that decides its race. */

/** @param update of one item of the table */
export function storeWrites(update: ConditionalUpdate) {
  /**
   * STORE decides which rotation stands: the first to replace the refresh token that was redeemed.
   * It does not ask for the lease: whoever holds the live successor must be able to store it, however
   * late, and that also revives a connection which was given up too early.
   */
  async function store(
    accountId: string,
    redeemed: Sealed<'refreshToken'>,
    successor: Successor,
    withinMs?: number,
  ): Promise<StoreResult> {
    const write = tokensWrite(
      accountId,
      successor,
      LEASE_AND_MARKS,
      ', rotation = if_not_exists(rotation, :zero) + :one',
    );
    const result = await update(
      accountId,
      {
        ...write,
        ConditionExpression: NOBODY_ROTATED,
        ExpressionAttributeValues: {
          ...write.ExpressionAttributeValues,
          ':redeemed': redeemed,
          ':zero': 0,
          ':one': 1,
        },
      },
      withinMs,
    );
    return result.written || hasRefreshToken(result.found, successor.refreshToken)
      ? { stored: true }
      : { stored: false, found: result.found };
  }

  /**
   * STORE UNCHANGED: the server answered with the same refresh token, so nothing is lost if this write is not made. It asks
   * for the holder's own lease: a late one must not take away another holder's lease or marks, or revive a connection.
   * @param inDoubtSince what the next holder must know of the takeover, if the lease was taken over
   * @param keepsMarks whether other holders may still be under way
   */
  async function storeUnchanged(
    held: Held,
    successor: Successor,
    { inDoubtSince, keepsMarks }: { inDoubtSince: EpochMs | undefined; keepsMarks: boolean },
    withinMs?: number,
  ): Promise<StoreResult> {
    const write = tokensWrite(
      held.accountId,
      successor,
      keepsMarks ? `${LEASE}, refusedAt, retryAt` : LEASE_AND_MARKS,
      inDoubtSince === undefined ? '' : ', inDoubtSince = :inDoubtSince',
    );
    const result = await update(
      held.accountId,
      {
        ...write,
        ConditionExpression: `${NOBODY_ROTATED} AND ${LEASE_MINE}`,
        ExpressionAttributeValues: {
          ...write.ExpressionAttributeValues,
          ...heldValues(held),
          ...(inDoubtSince !== undefined && { ':inDoubtSince': inDoubtSince }),
        },
      },
      withinMs,
    );
    return result.written || hasAccessToken(result.found, successor.accessToken)
      ? { stored: true }
      : { stored: false, found: result.found };
  }

  /**
   * Says that the successor is in escrow, so that nobody sends the spent token. The table that refused
   * STORE may take writes again by now.
   */
  function markEscrowed(
    accountId: string,
    redeemed: Sealed<'refreshToken'>,
    now: EpochMs,
  ): Promise<WriteResult> {
    return update(accountId, {
      UpdateExpression: 'SET escrowedAt = :now',
      ConditionExpression: NOBODY_ROTATED,
      ExpressionAttributeValues: { ':redeemed': redeemed, ':now': now },
    });
  }

  return { store, storeUnchanged, markEscrowed };
}

function tokensWrite(
  accountId: string,
  { accessToken, refreshToken, accessTokenExpiresAt, refreshedAt }: Successor,
  remove: string,
  more: string,
) {
  return {
    UpdateExpression:
      'SET refreshToken = :refreshToken, accessTokenExpiresAt = :expiresAt, refreshedAt = :refreshedAt, ' +
      `#status = :active, sweepSlot = if_not_exists(sweepSlot, :slot)${more}` +
      (accessToken ? ', accessToken = :accessToken' : '') +
      ` REMOVE ${remove}, ${VERDICT}${accessToken ? '' : ', accessToken'}`,
    ExpressionAttributeNames: { '#status': 'status' },
    ExpressionAttributeValues: {
      ':refreshToken': refreshToken,
      ':expiresAt': accessTokenExpiresAt,
      ':refreshedAt': refreshedAt,
      ':active': 'active',
      ':slot': slotOf(accountId, 'warm'),
      ...(accessToken && { ':accessToken': accessToken }),
    },
  };
}

const hasAccessToken = (
  found: Connection | undefined,
  accessToken: Sealed<'accessToken'> | undefined,
): boolean =>
  found !== undefined && 'accessToken' in found && sameSealed(found.accessToken, accessToken);
