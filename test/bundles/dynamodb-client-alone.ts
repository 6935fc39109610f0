import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';

/* What any function weighs that reads a table: the measure for ours. */

const client = new DynamoDBClient();

export const handler = (accountId: string) =>
  client.send(
    new GetItemCommand({
      TableName: process.env['TABLE_NAME'],
      Key: { accountId: { S: accountId } },
    }),
  );
