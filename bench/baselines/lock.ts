import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';

/** Takes the lock item of a connection, if nobody has it or its time is over. */
export async function takeLock(
  client: DynamoDBDocumentClient,
  TableName: string,
  lock: { readonly accountId: string; readonly owner: string; readonly until: number },
): Promise<boolean> {
  try {
    await client.send(
      new PutCommand({
        TableName,
        Item: lock,
        ConditionExpression: 'attribute_not_exists(accountId) OR #until < :now',
        ExpressionAttributeNames: { '#until': 'until' },
        ExpressionAttributeValues: { ':now': Date.now() },
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}

export const lockOf = (accountId: string) => `lock#${accountId}`;
