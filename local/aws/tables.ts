import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
} from '@aws-sdk/client-dynamodb';
import { APPEALS_INDEX, SWEEP_INDEX } from '../../shared/tokens/index-names.ts';

type Definition = Omit<CreateTableCommandInput, 'TableName'>;

export const TABLE_DEFINITION: Definition = {
  AttributeDefinitions: [
    { AttributeName: 'accountId', AttributeType: 'S' },
    { AttributeName: 'sweepSlot', AttributeType: 'S' },
    { AttributeName: 'appealShard', AttributeType: 'N' },
    { AttributeName: 'appealAt', AttributeType: 'N' },
  ],
  KeySchema: [{ AttributeName: 'accountId', KeyType: 'HASH' }],
  GlobalSecondaryIndexes: [
    {
      IndexName: SWEEP_INDEX,
      KeySchema: [{ AttributeName: 'sweepSlot', KeyType: 'HASH' }],
      Projection: { ProjectionType: 'KEYS_ONLY' },
    },
    {
      IndexName: APPEALS_INDEX,
      KeySchema: [
        { AttributeName: 'appealShard', KeyType: 'HASH' },
        { AttributeName: 'appealAt', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'KEYS_ONLY' },
    },
  ],
  BillingMode: 'PAY_PER_REQUEST',
};

/** Of the owner's app: what `examples/sync-clients.ts` copies. */
const clients: Definition = {
  AttributeDefinitions: [
    { AttributeName: 'accountId', AttributeType: 'S' },
    { AttributeName: 'clientId', AttributeType: 'S' },
  ],
  KeySchema: [
    { AttributeName: 'accountId', KeyType: 'HASH' },
    { AttributeName: 'clientId', KeyType: 'RANGE' },
  ],
  BillingMode: 'PAY_PER_REQUEST',
};

type Client = Pick<DynamoDBClient, 'send'>;

/** Creates the table of the connections with its indexes, unless it exists; ready when it returns. */
export const createConnectionsTable = (client: Client, tableName: string) =>
  createTable(client, { TableName: tableName, ...TABLE_DEFINITION });

export const createClientsTable = (client: Client, tableName: string) =>
  createTable(client, { TableName: tableName, ...clients });

async function createTable(client: Client, table: CreateTableCommandInput): Promise<void> {
  try {
    await client.send(new CreateTableCommand(table));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  const description = new DescribeTableCommand({ TableName: table.TableName });
  while ((await client.send(description)).Table?.TableStatus !== 'ACTIVE') await delay(5);
}
