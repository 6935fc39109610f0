import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { type EpochMs, plus } from '../runtime/clock.ts';
import { IDLE_TURN } from './budgets.ts';
import { SWEEP_ID } from './other-items.ts';

/**
 * How far the sweeps have come: the minute whose slots were last queued. So the next sweep makes up for one that was late, was
 * missed or stopped early, and one that is repeated finds nothing to do. An item in the table of the connections.
 */
export function sweepProgress(client: DynamoDBDocumentClient, tableName: string) {
  const Key = { accountId: SWEEP_ID };
  return {
    /** `undefined` before the first sweep, and if a clock was wrong. */
    async get(now: EpochMs): Promise<EpochMs | undefined> {
      const command = new GetCommand({ TableName: tableName, Key, ConsistentRead: true });
      const sweptUntil = (await client.send(command)).Item?.['sweptUntil'];
      return sweptUntil > plus(now, IDLE_TURN) ? undefined : sweptUntil;
    },

    /** Never goes back, unless a clock was wrong. */
    async set(sweptUntil: EpochMs): Promise<void> {
      try {
        await client.send(
          new UpdateCommand({
            TableName: tableName,
            Key,
            UpdateExpression: 'SET sweptUntil = :until',
            ConditionExpression:
              'attribute_not_exists(sweptUntil) OR sweptUntil < :until OR sweptUntil > :wrong',
            ExpressionAttributeValues: {
              ':until': sweptUntil,
              ':wrong': plus(sweptUntil, IDLE_TURN),
            },
          }),
        );
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
    },
  };
}
