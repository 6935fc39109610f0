import type { UpdateCommandInput } from '@aws-sdk/lib-dynamodb';
import { type EpochMs, plus } from '../runtime/clock.ts';
import { GRACE } from './budgets.ts';
import type { Held } from './conditional-update.ts';
import {
  APPEAL,
  type ConditionalUpdate,
  LEASE_AND_MARKS,
  VERDICT,
  type WriteResult,
} from './conditional-update.ts';
import type {
  Connection,
  DisconnectedConnection,
  DisconnectReason,
  Grant,
  LapsedConnection,
} from './connection.ts';
import type { Sealed } from './sealing.ts';
import { type SweepSlot, slotOf } from './sweep-wheel.ts';

/* The writes that begin and end a grant, each with the condition that decides its race. */

// Ignore grants too far in the future: a clock was wrong. Not by a minute: this write may have been held up for longer.
const NO_LATER_GRANT =
  '(attribute_not_exists(connectedAt) OR connectedAt <= :connectedAt OR connectedAt > :soon' +
  ' OR #status = :lapsed OR (#status = :disconnected AND statusChangedAt <= :connectedAt))';
const THIS_GRANT = 'grantId = :grantId';
const NOT_THIS_GRANT = '(attribute_not_exists(grantId) OR grantId <> :grantId)';
const TOKENS = 'accessToken, refreshToken, accessTokenExpiresAt, refreshedAt';

/**
 * Which active grant a new one may replace: any; only one of the same Jobber user, whose tokens are as safe, and of no other
 * `ref`; or also the one that holds this access token, since Jobber says that it has ended.
 */
export type ReplaceableGrant = 'any' | 'own' | { readonly ended: Sealed<'accessToken'> };

/** No id of a user. */
const NO_USER = '-';

function mayReplace(over: ReplaceableGrant, ref: string | undefined): string[] {
  if (over === 'any') return [];
  const isSameRef = ref === undefined ? '' : ' AND (attribute_not_exists(#ref) OR #ref = :ref)';
  const ended =
    over === 'own' ? '' : ' OR (accessToken = :ended AND attribute_not_exists(leaseId))';
  const isFree =
    'attribute_not_exists(#status) OR #status <> :active OR attribute_exists(disconnectingSince)';
  return [`(${isFree} OR (userId = :user${isSameRef})${ended})`];
}

/** @param update of one item of the table */
export function grantWrites(update: ConditionalUpdate) {
  /**
   * A new grant replaces whatever is there but the `ref` of a connection that has not ended, a refresh in flight included:
   * that one then fails its own condition and adopts the new grant. An active grant that was issued later stands against it,
   * or the disconnect of one, and what `over` says. Written once: a retry whose first attempt landed must not undo what
   * happened to the grant since.
   */
  function saveGrant(
    { accountId, ...grant }: Grant,
    now: EpochMs,
    over: ReplaceableGrant = 'any',
    withinMs?: number,
  ): Promise<WriteResult> {
    const attributes: Record<string, unknown> = {
      ...grant,
      status: 'active',
      rotation: 0,
      sweepSlot: slotOf(accountId, 'warm'),
    };
    const names = Object.keys(attributes);
    return update(
      accountId,
      {
        UpdateExpression:
          `SET ${names.map((name) => `#${name} = :${name}`).join(', ')} ` +
          `REMOVE ${[LEASE_AND_MARKS, VERDICT, 'disconnectingSince', ...('userId' in grant ? [] : ['userId'])].join(', ')}`,
        ConditionExpression: [NOT_THIS_GRANT, NO_LATER_GRANT, ...mayReplace(over, grant.ref)].join(
          ' AND ',
        ),
        ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
        ExpressionAttributeValues: {
          ...Object.fromEntries(
            Object.entries(attributes).map(([name, value]) => [`:${name}`, value]),
          ),
          ':soon': plus(now, GRACE),
          ':lapsed': 'reconnect_required' satisfies LapsedConnection['status'],
          ':disconnected': 'disconnected' satisfies DisconnectedConnection['status'],
          ...(over !== 'any' && { ':active': 'active', ':user': grant.userId ?? NO_USER }),
          ...(over !== 'any' && over !== 'own' && { ':ended': over.ended }),
        },
      },
      withinMs,
    );
  }

  /**
   * DISCONNECTING: the grant is to end as soon as Jobber answers. It keeps its tokens, with which to tell Jobber, but no
   * caller is given them any more, except from the memory of a process that has one already.
   */
  function markDisconnecting(
    accountId: string,
    grantId: string,
    now: EpochMs,
  ): Promise<WriteResult> {
    return update(accountId, {
      UpdateExpression:
        'SET sweepSlot = :slot, disconnectingSince = if_not_exists(disconnectingSince, :now)',
      ConditionExpression: `#status = :active AND ${THIS_GRANT}`,
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: {
        ':slot': 'disconnecting' satisfies SweepSlot,
        ':active': 'active',
        ':grantId': grantId,
        ':now': now,
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
  ): Promise<WriteResult> {
    return update(accountId, {
      ...deleteTokens(reason, now, { ':grantId': grantId, ':before': status }),
      ConditionExpression: `${THIS_GRANT} AND #status = :before`,
    });
  }

  /**
   * END REFUSED: the verdict on a connection that is being disconnected. Nobody needs to know why its token was refused;
   * without tokens no late STORE revives it.
   */
  function endRefused(held: Held, now: EpochMs): Promise<WriteResult> {
    return update(held.accountId, {
      ...deleteTokens('disconnected_by_app', now, {
        ':redeemed': held.refreshToken,
        ':lease': held.leaseId,
      }),
      ConditionExpression:
        'refreshToken = :redeemed AND leaseId = :lease AND attribute_exists(disconnectingSince)',
    });
  }

  return { saveGrant, markDisconnecting, end, endRefused };
}

const deleteTokens = (
  reason: DisconnectReason,
  now: EpochMs,
  values: Record<string, unknown>,
): Partial<UpdateCommandInput> => ({
  UpdateExpression:
    'SET #status = :disconnected, statusReason = :reason, statusChangedAt = :now ' +
    `REMOVE #ref, ${TOKENS}, ${LEASE_AND_MARKS}, ${APPEAL}, sweepSlot, usedAt, disconnectingSince`,
  ExpressionAttributeNames: { '#status': 'status', '#ref': 'ref' },
  ExpressionAttributeValues: {
    ...values,
    ':disconnected': 'disconnected' satisfies DisconnectedConnection['status'],
    ':reason': reason,
    ':now': now,
  },
});
