import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  GetCommand,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { type EpochMs, type EpochSeconds, plus } from '../runtime/clock.ts';
import { LONGEST_LEASE } from './budgets.ts';
import {
  type ActiveConnection,
  type Connection,
  DISCONNECTING_SHARD,
  type DisconnectedConnection,
  type DisconnectReason,
  type Grant,
  type LapsedConnection,
  type Lease,
  sweepShardOf,
} from './connection.ts';
import type { ReconnectReason } from './errors.ts';
import type { Sealed } from './sealing.ts';

/*
 * Every write of the protocol, each with the condition that decides its race.
 *
 *   CLAIM ───────── REDEEM ───────── STORE            the holder, undisturbed
 *   │ lease is free  │                │ refreshToken is still the one redeemed
 *   │                └─ refused ───── LAPSE           refreshToken and lease are still ours
 *   └─ otherwise: somebody else refreshes, or did     RELEASE likewise
 *
 *   a new grant replaces everything · END deletes the tokens of the grant that it is about
 */
const ACTIVE = '#status = :active';
// A lease that ends later than any lease can was taken by a clock that was wrong.
const LEASE_FREE =
  '(attribute_not_exists(leaseExpiresAt) OR leaseExpiresAt < :now OR leaseExpiresAt > :latest)';
const DUE = 'accessTokenExpiresAt <= :horizon';
const REJECTED = 'accessToken = :rejected';
const NOBODY_ROTATED = 'refreshToken = :redeemed';
const LEASE_MINE = 'leaseId = :lease';
// A grant from the future was issued by a clock that was wrong.
const NO_LATER_GRANT =
  '(attribute_not_exists(connectedAt) OR connectedAt <= :connectedAt OR connectedAt > :soon' +
  ' OR #status = :lapsed OR (#status = :disconnected AND statusChangedAt <= :connectedAt))';
const THIS_GRANT = 'grantId = :grantId';
const NOT_THIS_GRANT = '(attribute_not_exists(grantId) OR grantId <> :grantId)';

const LEASE = 'leaseId, leaseExpiresAt';
const MARKS = `${LEASE}, inDoubtSince, unconfirmedAt`;
const VERDICT = 'statusReason, statusChangedAt';
const TOKENS = 'accessToken, refreshToken, accessTokenExpiresAt, refreshedAt';

/** When a connection is due for a refresh. */
export interface Due {
  /** Due if the access token does not last beyond this. */
  readonly horizon: EpochSeconds;
  /** Due, too, if the API rejected this very access token. */
  readonly rejected?: Sealed<'accessToken'> | undefined;
}

export type Claim =
  | { readonly claimed: true; readonly before: ActiveConnection; readonly abandoned: boolean }
  | { readonly claimed: false; readonly now: Connection | undefined };

/** The token that the holder of a lease has redeemed, or is about to. */
export interface Held {
  readonly accountId: string;
  readonly leaseId: string;
  /** As read: the same as long as nobody replaced the token. */
  readonly redeemed: Sealed<'refreshToken'>;
}

export interface Marks {
  readonly inDoubtSince?: EpochMs | undefined;
  readonly unconfirmedAt?: EpochMs | undefined;
}

export interface Successor {
  readonly accessToken: Sealed<'accessToken'>;
  readonly refreshToken: Sealed<'refreshToken'>;
  readonly accessTokenExpiresAt: EpochSeconds;
  readonly refreshedAt: EpochSeconds;
}

/** `now` is what the table holds instead, read consistently after the condition failed. */
export type Written =
  | { readonly written: true }
  | { readonly written: false; readonly now: Connection | undefined };

const deleteTokens = (
  reason: DisconnectReason,
  now: EpochMs,
  values: Record<string, unknown>,
): Partial<UpdateCommandInput> => ({
  UpdateExpression: `SET #status = :disconnected, statusReason = :reason, statusChangedAt = :now REMOVE ${TOKENS}, ${MARKS}, sweepShard`,
  ExpressionAttributeNames: { '#status': 'status' },
  ExpressionAttributeValues: {
    ...values,
    ':disconnected': 'disconnected' satisfies DisconnectedConnection['status'],
    ':reason': reason,
    ':now': now,
  },
});

const within = (abortSignal: AbortSignal | undefined) => (abortSignal ? { abortSignal } : {});

export type ConnectionTable = ReturnType<typeof connectionTable>;

/** The connections in DynamoDB. Methods throw the SDK's errors, but for failed conditions. */
export function connectionTable(client: DynamoDBDocumentClient, tableName: string) {
  /** One strongly consistent read. */
  async function get(
    accountId: string,
    abortSignal?: AbortSignal,
  ): Promise<Connection | undefined> {
    const { Item } = await client.send(
      new GetCommand({ TableName: tableName, Key: { accountId }, ConsistentRead: true }),
      within(abortSignal),
    );
    return Item as Connection | undefined;
  }

  async function update(
    accountId: string,
    expression: Partial<UpdateCommandInput>,
    abortSignal?: AbortSignal,
  ): Promise<{ written: true; before: unknown } | { written: false; now: Connection | undefined }> {
    try {
      const { Attributes } = await client.send(
        new UpdateCommand({
          TableName: tableName,
          Key: { accountId },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          ...expression,
        }),
        within(abortSignal),
      );
      return { written: true, before: Attributes };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      // Not every implementation of DynamoDB returns the item that failed the condition.
      const now = error.Item
        ? (unmarshall(error.Item) as Connection)
        : await get(accountId, abortSignal);
      return { written: false, now };
    }
  }

  /**
   * CLAIM decides who redeems: of all that find the connection due, one.
   * A lease that this very call took, though its reply was lost and the SDK's retry then failed, is
   * recognised by its id; whether it replaced an abandoned one is not known then, so assume it.
   */
  async function claim(accountId: string, lease: Lease, due: Due, now: EpochMs): Promise<Claim> {
    const result = await update(accountId, {
      UpdateExpression: 'SET leaseId = :lease, leaseExpiresAt = :leaseExpiresAt',
      ConditionExpression: `${ACTIVE} AND ${LEASE_FREE} AND ${due.rejected ? `(${DUE} OR ${REJECTED})` : DUE}`,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: {
        ':active': 'active',
        ':now': now,
        ':latest': plus(now, LONGEST_LEASE),
        ':horizon': due.horizon,
        ':lease': lease.id,
        ':leaseExpiresAt': lease.expiresAt,
        ...(due.rejected && { ':rejected': due.rejected }),
      },
      ReturnValues: 'ALL_OLD',
    });
    if (result.written) {
      const before = result.before as ActiveConnection;
      return { claimed: true, before, abandoned: before.leaseId !== undefined };
    }
    const { now: found } = result;
    return found?.status === 'active' && found.leaseId === lease.id
      ? { claimed: true, before: found, abandoned: true }
      : { claimed: false, now: found };
  }

  /**
   * STORE decides which rotation stands: the first to replace the refresh token that was redeemed.
   * It does not ask for the lease: whoever holds the live successor must be able to store it, however
   * late, and that also revives a connection which was given up too early.
   */
  function store(
    accountId: string,
    redeemed: Sealed<'refreshToken'>,
    successor: Successor,
    abortSignal?: AbortSignal,
  ): Promise<Written> {
    const expression: Partial<UpdateCommandInput> = {
      UpdateExpression:
        'SET accessToken = :accessToken, refreshToken = :refreshToken, ' +
        'accessTokenExpiresAt = :expiresAt, refreshedAt = :refreshedAt, rotation = rotation + :one, ' +
        `#status = :active, sweepShard = if_not_exists(sweepShard, :shard) REMOVE ${MARKS}, ${VERDICT}`,
      ConditionExpression: NOBODY_ROTATED,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: {
        ':redeemed': redeemed,
        ':accessToken': successor.accessToken,
        ':refreshToken': successor.refreshToken,
        ':expiresAt': successor.accessTokenExpiresAt,
        ':refreshedAt': successor.refreshedAt,
        ':one': 1,
        ':active': 'active',
        ':shard': sweepShardOf(accountId),
      },
    };
    return update(accountId, expression, abortSignal);
  }

  /**
   * RELEASE ends a lease without a rotation, unless the token or the lease is no longer ours.
   * The marks tell the next holder what may have happened to the token.
   */
  function release(held: Held, marks: Marks): Promise<Written> {
    const set = Object.entries(marks).filter(([, time]) => time !== undefined);
    const expression = set.map(([mark]) => `${mark} = :${mark}`).join(', ');
    return update(held.accountId, {
      UpdateExpression: `${expression && `SET ${expression} `}REMOVE ${LEASE}`,
      ConditionExpression: `${NOBODY_ROTATED} AND ${LEASE_MINE}`,
      ExpressionAttributeValues: {
        ':redeemed': held.redeemed,
        ':lease': held.leaseId,
        ...Object.fromEntries(set.map(([mark, time]) => [`:${mark}`, time])),
      },
    });
  }

  /**
   * LAPSE is the verdict on a refused token: only on the token that was refused, only by its holder, and not on a
   * connection that is being disconnected.
   */
  function lapse(held: Held, reason: ReconnectReason, now: EpochMs): Promise<Written> {
    return update(held.accountId, {
      UpdateExpression: `SET #status = :lapsed, statusReason = :reason, statusChangedAt = :now REMOVE ${MARKS}, sweepShard`,
      ConditionExpression: `${NOBODY_ROTATED} AND ${LEASE_MINE} AND sweepShard <> :disconnecting`,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: {
        ':redeemed': held.redeemed,
        ':lease': held.leaseId,
        ':disconnecting': DISCONNECTING_SHARD,
        ':lapsed': 'reconnect_required' satisfies LapsedConnection['status'],
        ':reason': reason,
        ':now': now,
      },
    });
  }

  /** The same verdict on one that is being disconnected: its tokens are deleted, so that no late STORE revives it. */
  function lapseDisconnecting(held: Held, now: EpochMs): Promise<Written> {
    return update(held.accountId, {
      ...deleteTokens('disconnected_by_app', now, {
        ':redeemed': held.redeemed,
        ':lease': held.leaseId,
        ':disconnecting': DISCONNECTING_SHARD,
      }),
      ConditionExpression: `${NOBODY_ROTATED} AND ${LEASE_MINE} AND sweepShard = :disconnecting`,
    });
  }

  /**
   * A new grant replaces whatever is there but the owner's `ref`, a refresh in flight included: that one then fails its
   * own condition and adopts the new grant. Only an active grant that was issued later stands against it, or the disconnect
   * of one. Written once: a retry whose first attempt landed must not undo what happened to the grant since.
   */
  function saveGrant({ accountId, ...grant }: Grant): Promise<Written> {
    const attributes: Record<string, unknown> = {
      ...grant,
      status: 'active',
      rotation: 0,
      sweepShard: sweepShardOf(accountId),
    };
    const names = Object.keys(attributes);
    return update(accountId, {
      UpdateExpression:
        `SET ${names.map((name) => `#${name} = :${name}`).join(', ')} ` +
        `REMOVE ${[MARKS, VERDICT, ...('userId' in grant ? [] : ['userId'])].join(', ')}`,
      ConditionExpression: `${NOT_THIS_GRANT} AND ${NO_LATER_GRANT}`,
      ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
      ExpressionAttributeValues: {
        ...Object.fromEntries(
          Object.entries(attributes).map(([name, value]) => [`:${name}`, value]),
        ),
        ':soon': plus(grant.connectedAt, LONGEST_LEASE),
        ':lapsed': 'reconnect_required' satisfies LapsedConnection['status'],
        ':disconnected': 'disconnected' satisfies DisconnectedConnection['status'],
      },
    });
  }

  /**
   * DISCONNECTING: the grant is to end as soon as Jobber answers. It keeps its tokens, with which to tell Jobber, but no
   * caller is given them any more but from the memory of a process that has one already.
   */
  function markDisconnecting(accountId: string, grantId: string): Promise<Written> {
    return update(accountId, {
      UpdateExpression: 'SET sweepShard = :shard',
      ConditionExpression: `${ACTIVE} AND ${THIS_GRANT}`,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: {
        ':shard': DISCONNECTING_SHARD,
        ':active': 'active',
        ':grantId': grantId,
      },
    });
  }

  /**
   * END deletes the tokens, of this grant alone, and as long as it is what was read: a reconnect that comes meanwhile
   * stands, and a late STORE that revives it is seen. A refresh in flight finds no token left that its condition could
   * match.
   */
  function end(
    accountId: string,
    { grantId, status }: Pick<Connection, 'grantId' | 'status'>,
    reason: DisconnectReason,
    now: EpochMs,
  ): Promise<Written> {
    return update(accountId, {
      ...deleteTokens(reason, now, { ':grantId': grantId, ':before': status }),
      ConditionExpression: `${THIS_GRANT} AND #status = :before`,
    });
  }

  return {
    get,
    claim,
    store,
    release,
    lapse,
    lapseDisconnecting,
    saveGrant,
    markDisconnecting,
    end,
  };
}
