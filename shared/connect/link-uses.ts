import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { type EpochMs, plus, toSeconds } from '../runtime/clock.ts';
import { inTime } from '../runtime/in-time.ts';
import { LINK_USE_PREFIX, TIME_TO_LIVE } from '../tokens/other-items.ts';

/** Longer than a link and the state that it became can last. */
const KEPT_S = 60 * 60;
/** A browser waits, and the grant is still to be stored. */
const WRITE_MS = 2_000;

/**
 * Notes in the table which account a connect link has connected: one link connects one account, in whatever browsers it is
 * opened. The item ends by DynamoDB's time to live.
 */
export function linkUses(client: DynamoDBDocumentClient, tableName: string) {
  return {
    /** @returns whether the link may connect this account. @throws the SDK's errors */
    async mayConnect(linkId: string, linkedTo: string, now: EpochMs): Promise<boolean> {
      const command = new UpdateCommand({
        TableName: tableName,
        Key: { accountId: `${LINK_USE_PREFIX}${linkId}` },
        UpdateExpression: `SET linkedTo = :linkedTo, ${TIME_TO_LIVE} = :ends`,
        ConditionExpression: 'attribute_not_exists(linkedTo) OR linkedTo = :linkedTo',
        ExpressionAttributeValues: {
          ':linkedTo': linkedTo,
          ':ends': plus(toSeconds(now), KEPT_S),
        },
      });
      try {
        await inTime(WRITE_MS, (abortSignal) => client.send(command, { abortSignal }));
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },
  };
}

export type LinkUses = ReturnType<typeof linkUses>;
