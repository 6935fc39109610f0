import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { inTime } from '../runtime/in-time.ts';
import { TABLE_CALL } from './budgets.ts';
import type { Connection } from './connection.ts';
import type { Sealed } from './sealing.ts';

/* Attributes that end together. */
export const LEASE = 'leaseId, leaseExpiresAt';
export const LEASE_AND_MARKS = `${LEASE}, inDoubtSince, unconfirmedAt, refusedAt, retryAt, escrowedAt`;
export const APPEAL = 'appealAt, appealShard';
export const VERDICT = `statusReason, statusChangedAt, ${APPEAL}`;

/** A token that the holder of a lease may redeem. */
export interface Held {
  readonly accountId: string;
  readonly leaseId: string;
  /** As read: the same as long as nobody replaced the token. */
  readonly refreshToken: Sealed<'refreshToken'>;
}

export const NOBODY_ROTATED = 'refreshToken = :redeemed';
export const LEASE_MINE = 'leaseId = :lease';

export const heldValues = ({ refreshToken, leaseId }: Held) => ({
  ':redeemed': refreshToken,
  ':lease': leaseId,
});

export type WriteResult =
  /** `before` is what `ReturnValues` asked for. */
  | { readonly written: true; readonly before: unknown }
  /** What the table holds instead, read consistently when or after the condition failed. */
  | { readonly written: false; readonly found: Connection | undefined };

export type ConditionalUpdate = (
  accountId: string,
  expression: Partial<UpdateCommandInput>,
  withinMs?: number,
) => Promise<WriteResult>;

/** Updates one item if its condition holds. Throws the SDK's errors, except for a failed condition. */
export function conditionalUpdate(
  client: DynamoDBDocumentClient,
  tableName: string,
  get: (accountId: string, withinMs: number) => Promise<Connection | undefined>,
): ConditionalUpdate {
  return async function update(accountId, expression, withinMs = TABLE_CALL) {
    const command = new UpdateCommand({
      TableName: tableName,
      Key: { accountId },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      ...expression,
    });
    try {
      const { Attributes } = await inTime(withinMs, (abortSignal) =>
        client.send(command, { abortSignal }),
      );
      return { written: true, before: Attributes };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      // Not every implementation of DynamoDB returns the item that failed the condition.
      const found = error.Item
        ? (unmarshall(error.Item) as Connection)
        : await get(accountId, withinMs);
      return { written: false, found };
    }
  };
}
