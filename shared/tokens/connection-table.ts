import { type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { type EpochMs, type EpochSeconds, plus } from '../runtime/clock.ts';
import { inTime } from '../runtime/in-time.ts';
import { ESCROW_TRIES, LONGEST_LEASE, REFUSED_PAUSE, TABLE_CALL } from './budgets.ts';
import {
  APPEAL,
  conditionalUpdate,
  LEASE,
  LEASE_AND_MARKS,
  VERDICT,
  type WriteResult,
} from './conditional-update.ts';
import {
  type ActiveConnection,
  type Connection,
  hasRefreshToken,
  type LapsedConnection,
  type Lease,
  nextAppeal,
  type RedemptionMarks,
  sweepShardOf,
} from './connection.ts';
import type { ReconnectReason } from './errors.ts';
import { grantWrites } from './grant-writes.ts';
import { sameSealed } from './same-sealed.ts';
import type { Sealed } from './sealing.ts';

/*
 * Every write of a rotation, each with the condition that decides its race.
 *
 *   CLAIM ───────── REDEEM ───────── STORE            the holder, undisturbed
 *   │ lease is free  │ RENEW          │ refreshToken is still the one redeemed
 *   │                └─ refused ───── RELEASE, LAPSE  refreshToken and lease are still ours
 *   └─ otherwise: somebody else refreshes, or did
 *
 *   `grant-writes.ts`: a new grant replaces everything · END deletes the tokens of the grant that it is about
 */
const ACTIVE = '#status = :active';
// Ignore leases and pauses too far in the future: a clock was wrong.
const LEASE_FREE =
  '(attribute_not_exists(leaseExpiresAt) OR leaseExpiresAt < :now OR leaseExpiresAt > :latest)';
const MAY_RETRY = '(attribute_not_exists(retryAt) OR retryAt <= :now OR retryAt > :latestRetry)';
const NOT_ESCROWED =
  '(attribute_not_exists(escrowedAt) OR escrowedAt <= :escrowOver OR escrowedAt > :latest)';
const DUE = 'accessTokenExpiresAt <= :horizon';
const REJECTED = 'accessToken = :rejected';
const NOBODY_ROTATED = 'refreshToken = :redeemed';
const LEASE_MINE = 'leaseId = :lease';
const THIS_APPEAL = '#status = :lapsed AND appealAt = :appealAt';
const NOT_DISCONNECTING = 'attribute_not_exists(disconnectingSince)';

/** What makes a connection due for a refresh. */
export interface DueWhen {
  /** Its access token does not last beyond this. */
  readonly horizon: EpochSeconds;
  /** Or the API rejected this very access token. */
  readonly rejected?: Sealed<'accessToken'> | undefined;
}

export type Claim<C extends Connection = ActiveConnection> =
  | { readonly claimed: true; readonly before: C; readonly abandoned: boolean }
  | { readonly claimed: false; readonly found: Connection | undefined };

/** A token that the holder of a lease may redeem. */
export interface Held {
  readonly accountId: string;
  readonly leaseId: string;
  /** As read: the same as long as nobody replaced the token. */
  readonly refreshToken: Sealed<'refreshToken'>;
}

export interface Successor {
  /** Absent if the answer was cut off before it. */
  readonly accessToken?: Sealed<'accessToken'> | undefined;
  readonly refreshToken: Sealed<'refreshToken'>;
  readonly accessTokenExpiresAt: EpochSeconds;
  readonly refreshedAt: EpochSeconds;
}

/** Whether a rotation is in the table, or `found` took the place of the redeemed token first. */
export type StoreResult =
  | { readonly stored: true }
  | { readonly stored: false; readonly found: Connection | undefined };

export type ConnectionTable = ReturnType<typeof connectionTable>;

/**
 * The connections in DynamoDB. Each call ends within {@link TABLE_CALL}, or sooner if it is told so. Methods throw the
 * SDK's errors, except for failed conditions. A write recognises its own repetition: the SDK retries a write whose reply was
 * lost, and the retry fails the condition.
 */
export function connectionTable(client: DynamoDBDocumentClient, tableName: string) {
  /** One strongly consistent read. */
  async function get(accountId: string, withinMs = TABLE_CALL): Promise<Connection | undefined> {
    const command = new GetCommand({
      TableName: tableName,
      Key: { accountId },
      ConsistentRead: true,
    });
    const { Item } = await inTime(withinMs, (abortSignal) => client.send(command, { abortSignal }));
    return Item as Connection | undefined;
  }

  const update = conditionalUpdate(client, tableName, get);

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
        ...(next !== undefined && { ':next': next }),
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
   * Says that the successor is in escrow, so that nobody sends the spent token. A table that refuses STORE may take this: it
   * touches no index.
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
        `appealAt = :appealAt, appealShard = :shard REMOVE ${LEASE}, retryAt, sweepShard`,
      ConditionExpression: `${ACTIVE} AND ${NOBODY_ROTATED} AND ${LEASE_MINE} AND ${NOT_DISCONNECTING}`,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: {
        ...heldValues(held),
        ':active': 'active' satisfies ActiveConnection['status'],
        ':lapsed': 'reconnect_required' satisfies LapsedConnection['status'],
        ':reason': reason,
        ':now': now,
        ':appealAt': nextAppeal(now, now),
        ':shard': sweepShardOf(held.accountId),
      },
    });
    const isOurs =
      !result.written &&
      result.found?.status === 'reconnect_required' &&
      result.found.statusChangedAt === now;
    return isOurs ? { written: true, before: undefined } : result;
  }

  return {
    get,
    claim,
    claimAppeal,
    renew,
    markEscrowed,
    store,
    storeUnchanged,
    release,
    lapse,
    ...grantWrites(update),
  };
}

function tokensWrite(
  accountId: string,
  { accessToken, refreshToken, accessTokenExpiresAt, refreshedAt }: Successor,
  remove: string,
  more = '',
) {
  return {
    UpdateExpression:
      'SET refreshToken = :refreshToken, accessTokenExpiresAt = :expiresAt, refreshedAt = :refreshedAt, ' +
      `#status = :active, sweepShard = if_not_exists(sweepShard, :shard)${more}` +
      (accessToken ? ', accessToken = :accessToken' : '') +
      ` REMOVE ${remove}, ${VERDICT}${accessToken ? '' : ', accessToken'}`,
    ExpressionAttributeNames: { '#status': 'status' },
    ExpressionAttributeValues: {
      ':refreshToken': refreshToken,
      ':expiresAt': accessTokenExpiresAt,
      ':refreshedAt': refreshedAt,
      ':active': 'active',
      ':shard': sweepShardOf(accountId),
      ...(accessToken && { ':accessToken': accessToken }),
    },
  };
}

const leaseValues = (lease: Lease, now: EpochMs) => ({
  ':now': now,
  ':latest': plus(now, LONGEST_LEASE),
  ':escrowOver': plus(now, -ESCROW_TRIES),
  ':lease': lease.id,
  ':leaseExpiresAt': lease.expiresAt,
});

const heldValues = ({ refreshToken, leaseId }: Held) => ({
  ':redeemed': refreshToken,
  ':lease': leaseId,
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

const hasAccessToken = (
  found: Connection | undefined,
  accessToken: Sealed<'accessToken'> | undefined,
): boolean =>
  found !== undefined && 'accessToken' in found && sameSealed(found.accessToken, accessToken);
