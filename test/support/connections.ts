import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { inject } from 'vitest';
import { createConnectionsTable } from '../../local/aws/tables.ts';
import { connectionTable } from '../../shared/tokens/connection-table.ts';

/** What the next request to the table suffers: `lost` is carried out, but its reply never arrives. */
export type TableFault = 'lost' | 'refused';

export interface TestTable {
  readonly client: DynamoDBDocumentClient;
  readonly base: DynamoDBClient;
  readonly tableName: string;
  readonly table: ReturnType<typeof connectionTable>;
  /** The operations sent so far, one entry a call whatever the SDK's retries. */
  readonly calls: string[];
  /** Faults for the coming requests of one operation, the SDK's retries counted apart. */
  fail(operation: string, ...faults: TableFault[]): void;
  /** All requests fail until told otherwise. */
  outage(on: boolean): void;
  /** Writes past the protocol. */
  set(accountId: string, attributes: Record<string, unknown>): Promise<void>;
  remove(accountId: string, attributes: string[]): Promise<void>;
  delete(accountId: string): Promise<void>;
}

/** A table of its own in a real DynamoDB, whose calls are counted and can be made to fail. */
export async function testTable(): Promise<TestTable> {
  const base = new DynamoDBClient({ endpoint: inject('dynamoDbEndpoint'), maxAttempts: 2 });
  const calls: string[] = [];
  const faults = new Map<string, TableFault[]>();
  let down = false;

  base.middlewareStack.add(
    (next, context) => async (args) => {
      calls.push(String(context['commandName']).replace('Command', ''));
      return next(args);
    },
    { step: 'initialize' },
  );
  base.middlewareStack.add(
    (next, context) => async (args) => {
      const operation = String(context['commandName']).replace('Command', '');
      const fault = down ? 'refused' : faults.get(operation)?.shift();
      if (fault === 'refused') throw networkError();
      const result = await next(args);
      if (fault === 'lost') throw networkError();
      return result;
    },
    { step: 'finalizeRequest', priority: 'low' },
  );

  const client = DynamoDBDocumentClient.from(base, {
    marshallOptions: { removeUndefinedValues: true },
  });
  const tableName = `connections-${randomUUID()}`;
  await createConnectionsTable(base, tableName);
  calls.length = 0;
  return {
    client,
    base,
    tableName,
    table: connectionTable(client, tableName),
    calls,
    fail: (operation, ...coming) => faults.set(operation, coming),
    outage: (on) => {
      down = on;
    },
    async set(accountId, attributes) {
      await client.send(
        new UpdateCommand({
          TableName: tableName,
          Key: { accountId },
          UpdateExpression: `SET ${Object.keys(attributes)
            .map((name) => `#${name} = :${name}`)
            .join(', ')}`,
          ExpressionAttributeNames: named(Object.keys(attributes)),
          ExpressionAttributeValues: Object.fromEntries(
            Object.entries(attributes).map(([name, value]) => [`:${name}`, value]),
          ),
        }),
      );
    },
    async remove(accountId, attributes) {
      await client.send(
        new UpdateCommand({
          TableName: tableName,
          Key: { accountId },
          UpdateExpression: `REMOVE ${attributes.map((name) => `#${name}`).join(', ')}`,
          ExpressionAttributeNames: named(attributes),
        }),
      );
    },
    async delete(accountId) {
      await client.send(new DeleteCommand({ TableName: tableName, Key: { accountId } }));
    },
  };
}

const named = (names: string[]) => Object.fromEntries(names.map((name) => [`#${name}`, name]));

const networkError = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
