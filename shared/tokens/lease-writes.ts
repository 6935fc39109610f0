import { type EpochMs, plus } from '../runtime/clock.ts';
import { ESCROW_TRIES, LONGEST_LEASE, REFUSED_PAUSE } from './budgets.ts';
import {
  APPEAL,
  type ConditionalUpdate,
  type Held,
  heldValues,
  LEASE,
  LEASE_MINE,
  NOBODY_ROTATED,
  type WriteResult,
} from './conditional-update.ts';
import {
  type ActiveConnection,
  appealShardOf,
  type LapsedConnection,
  type Lease,
  nextAppeal,
  type RedemptionMarks,
} from './connection.ts';
import type { Claim, DueWhen } from './connection-table.ts';
import type { ReconnectReason } from './errors.ts';

/* The writes that begin and end a lease without a rotation, each with the condition that decides its race. */

const ACTIVE = '#status = :active';
// Ignore times too far in the future: a clock was wrong.
const LEASE_FREE =
  '(attribute_not_exists(leaseExpiresAt) OR leaseExpiresAt < :now OR leaseExpiresAt > :latest)';
const MAY_RETRY = '(attribute_not_exists(retryAt) OR retryAt <= :now OR retryAt > :latestRetry)';
const NOT_ESCROWED =
  '(attribute_not_exists(escrowedAt) OR escrowedAt <= :escrowOver OR escrowedAt > :latest)';
const DUE = 'accessTokenExpiresAt <= :horizon';
const REJECTED = 'accessToken = :rejected';
const THIS_APPEAL = '#status = :lapsed AND appealAt = :appealAt';
const NOT_DISCONNECTING = 'attribute_not_exists(disconnectingSince)';

/** @param update of one item of the table */
export function leaseWrites(update: ConditionalUpdate) {
  /**
   * CLAIM decides who redeems: of all that find the connection due, one. Whether our own repeated claim replaced an
   * abandoned lease is unknown, so assume that it did.
   */
  async function claim(
    accountId: string,
    lease: Lease,
    now: EpochMs,
    due: DueWhen,
  ): Promise<Claim> {
    const result = await update(accountId, {
      UpdateExpression: 'SET leaseId = :lease, leaseExpiresAt = :leaseExpiresAt',
      ConditionExpression: `${ACTIVE} AND ${LEASE_FREE} AND ${MAY_RETRY} AND ${NOT_ESCROWED} AND ${due.rejected ? `(${DUE} OR ${REJECTED})` : DUE}`,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: {
        ...leaseValues(lease, now),
        ':active': 'active' satisfies ActiveConnection['status'],
        ':latestRetry': plus(now, 2 * REFUSED_PAUSE),
        ':horizon': due.horizon,
        ...(due.rejected && { ':rejected': due.rejected }),
      },
      ReturnValues: 'ALL_OLD',
    });
    return readClaim<ActiveConnection>(result, lease, 'active');
  }

  /** CLAIM APPEAL: as CLAIM, for a connection that needs its admin. The next appeal is due whatever becomes of this one. */
  async function claimAppeal(
    { accountId, appealAt, statusChangedAt }: LapsedConnection,
    lease: Lease,
    now: EpochMs,
  ): Promise<Claim<LapsedConnection>> {
    const next = nextAppeal(statusChangedAt, now);
    const result = await update(accountId, {
      UpdateExpression:
        'SET leaseId = :lease, leaseExpiresAt = :leaseExpiresAt' +
        (next === undefined ? ` REMOVE ${APPEAL}` : ', appealAt = :next'),
      ConditionExpression: `${THIS_APPEAL} AND ${LEASE_FREE} AND ${NOT_ESCROWED}`,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: {
        ...leaseValues(lease, now),
        ':lapsed': 'reconnect_required' satisfies LapsedConnection['status'],
        ':appealAt': appealAt,
        ':next': next,
      },
      ReturnValues: 'ALL_OLD',
    });
    return readClaim<LapsedConnection>(result, lease, 'reconnect_required');
  }

  /** RENEW extends a lease while its holder waits for an answer. A holder that lost its lease gets `written: false`. */
  function renew(held: Held, expiresAt: EpochMs): Promise<WriteResult> {
    return update(held.accountId, {
      UpdateExpression: 'SET leaseExpiresAt = :leaseExpiresAt',
      ConditionExpression: `${NOBODY_ROTATED} AND ${LEASE_MINE}`,
      ExpressionAttributeValues: { ...heldValues(held), ':leaseExpiresAt': expiresAt },
    });
  }

  /**
   * RELEASE ends a lease without a rotation, unless the token or the lease is no longer ours.
   * The marks tell the next holder what may have happened to the token.
   */
  function release(
    held: Held,
    marks: RedemptionMarks & { readonly statusReason?: ReconnectReason },
  ): Promise<WriteResult> {
    const set = Object.entries(marks).filter(([, value]) => value !== undefined);
    const expression = set.map(([mark]) => `${mark} = :${mark}`).join(', ');
    return update(held.accountId, {
      UpdateExpression: `${expression && `SET ${expression} `}REMOVE ${LEASE}`,
      ConditionExpression: `${NOBODY_ROTATED} AND ${LEASE_MINE}`,
      ExpressionAttributeValues: {
        ...heldValues(held),
        ...Object.fromEntries(set.map(([mark, value]) => [`:${mark}`, value])),
      },
    });
  }

  /**
   * LAPSE is the verdict on a refused token: only on the token that was refused, only by its holder, and not on a
   * connection that is being disconnected. The marks stay as evidence for an appeal.
   */
  async function lapse(held: Held, reason: ReconnectReason, now: EpochMs): Promise<WriteResult> {
    const result = await update(held.accountId, {
      UpdateExpression:
        'SET #status = :lapsed, statusReason = :reason, statusChangedAt = :now, ' +
        `appealAt = :appealAt, appealShard = :shard REMOVE ${LEASE}, retryAt, sweepSlot`,
      ConditionExpression: `${ACTIVE} AND ${NOBODY_ROTATED} AND ${LEASE_MINE} AND ${NOT_DISCONNECTING}`,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: {
        ...heldValues(held),
        ':active': 'active' satisfies ActiveConnection['status'],
        ':lapsed': 'reconnect_required' satisfies LapsedConnection['status'],
        ':reason': reason,
        ':now': now,
        ':appealAt': nextAppeal(now, now),
        ':shard': appealShardOf(held.accountId),
      },
    });
    const isOurs =
      !result.written &&
      result.found?.status === 'reconnect_required' &&
      result.found.statusChangedAt === now;
    return isOurs ? { written: true, before: undefined } : result;
  }

  return { claim, claimAppeal, renew, release, lapse };
}

const leaseValues = (lease: Lease, now: EpochMs) => ({
  ':now': now,
  ':latest': plus(now, LONGEST_LEASE),
  ':escrowOver': plus(now, -ESCROW_TRIES),
  ':lease': lease.id,
  ':leaseExpiresAt': lease.expiresAt,
});

function readClaim<C extends ActiveConnection | LapsedConnection>(
  result: WriteResult,
  lease: Lease,
  status: C['status'],
): Claim<C> {
  if (result.written) {
    const before = result.before as C;
    return { claimed: true, before, abandoned: before.leaseId !== undefined };
  }
  const { found } = result;
  return found?.status === status && (found as C).leaseId === lease.id
    ? { claimed: true, before: found as C, abandoned: true }
    : { claimed: false, found };
}
