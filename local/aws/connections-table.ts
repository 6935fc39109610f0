import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
} from '@aws-sdk/client-dynamodb';
import { DUE_INDEX } from '../../shared/tokens/due-index.ts';

export const TABLE_DEFINITION: Omit<CreateTableCommandInput, 'TableName'> = {
  AttributeDefinitions: [
    { AttributeName: 'accountId', AttributeType: 'S' },
    { AttributeName: 'sweepShard', AttributeType: 'N' },
    { AttributeName: 'accessTokenExpiresAt', AttributeType: 'N' },
  ],
  KeySchema: [{ AttributeName: 'accountId', KeyType: 'HASH' }],
  GlobalSecondaryIndexes: [
    {
      IndexName: DUE_INDEX,
      KeySchema: [
        { AttributeName: 'sweepShard', KeyType: 'HASH' },
        { AttributeName: 'accessTokenExpiresAt', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'KEYS_ONLY' },
    },
  ],
  BillingMode: 'PAY_PER_REQUEST',
};

/** Creates the table of the connections with its `due` index, unless it exists; ready when it returns. */
export async function createConnectionsTable(
  client: Pick<DynamoDBClient, 'send'>,
  tableName: string,
): Promise<void> {
  try {
    await client.send(new CreateTableCommand({ TableName: tableName, ...TABLE_DEFINITION }));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  const description = new DescribeTableCommand({ TableName: tableName });
  while ((await client.send(description)).Table?.TableStatus !== 'ACTIVE') await delay(5);
}
