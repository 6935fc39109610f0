import { type EpochMs, plus } from '../runtime/clock.ts';
import { NOTE_USE, NOTE_USE_EVERY } from './budgets.ts';
import type { ConditionalUpdate, WriteResult } from './conditional-update.ts';
import type { ActiveConnection } from './connection.ts';
import { slotOf, type WheelSlot } from './sweep-wheel.ts';

/* The writes that move a connection between the warm slots and the idle ones. No token depends on them. */

const ON_THE_WHEEL = '#status = :active AND attribute_not_exists(disconnectingSince)';

/** @param update of one item of the table */
export function useWrites(update: ConditionalUpdate) {
  const onTheWheel = {
    ExpressionAttributeNames: { '#status': 'status' },
    values: { ':active': 'active' satisfies ActiveConnection['status'] },
  };

  /** NOTE USE: a caller asked for the token. Whatever was used is kept warm. */
  function noteUse(accountId: string, now: EpochMs): Promise<WriteResult> {
    return update(
      accountId,
      {
        UpdateExpression: 'SET usedAt = :now, sweepSlot = :warm',
        ConditionExpression: `${ON_THE_WHEEL} AND (attribute_not_exists(usedAt) OR usedAt <= :noted)`,
        ExpressionAttributeNames: onTheWheel.ExpressionAttributeNames,
        ExpressionAttributeValues: {
          ...onTheWheel.values,
          ':now': now,
          ':noted': plus(now, -NOTE_USE_EVERY),
          ':warm': slotOf(accountId, 'warm'),
        },
      },
      NOTE_USE,
    );
  }

  /** MOVE a connection to another slot, unless it was used, or connected anew, since it was read. */
  function move(
    { accountId, grantId, usedAt, sweepSlot }: ActiveConnection,
    slot: WheelSlot,
  ): Promise<WriteResult> {
    return update(accountId, {
      UpdateExpression: 'SET sweepSlot = :slot',
      ConditionExpression:
        `${ON_THE_WHEEL} AND grantId = :grantId AND sweepSlot = :before AND ` +
        (usedAt === undefined ? 'attribute_not_exists(usedAt)' : 'usedAt = :usedAt'),
      ExpressionAttributeNames: onTheWheel.ExpressionAttributeNames,
      ExpressionAttributeValues: {
        ...onTheWheel.values,
        ':slot': slot,
        ':grantId': grantId,
        ':before': sweepSlot,
        ...(usedAt !== undefined && { ':usedAt': usedAt }),
      },
    });
  }

  return { noteUse, move };
}
