import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { encodeAccountId } from '../local/jobber/accounts.ts';
import { type Attribute, itemSize } from '../test/support/item-size.ts';
import { ours } from './ours.ts';
import type { Services } from './services.ts';

const ACCESS_TOKEN_CHARACTERS = 450;

/** What a connection with a long access token takes in the table, a lease included; a write unit is 1,024 bytes. */
export async function measureItem(services: Services) {
  const db = new DynamoDBClient({ endpoint: services.at.tableUrl });
  const tableName = await services.newTable();
  const accountId = encodeAccountId(1_000_000);
  await ours({ at: services.at, db, tableName }).save(accountId, {
    accessToken: 'x'.repeat(ACCESS_TOKEN_CHARACTERS),
    refreshToken: 'x'.repeat(32),
  });
  const { Item = {} } = await db.send(
    new GetItemCommand({ TableName: tableName, Key: { accountId: { S: accountId } } }),
  );
  db.destroy();
  const leased = { ...Item, leaseId: { S: 'x'.repeat(16) }, leaseExpiresAt: { N: '1'.repeat(13) } };
  const bytes = itemSize(leased as Record<string, Attribute>);
  return { accessTokenCharacters: ACCESS_TOKEN_CHARACTERS, bytes };
}
