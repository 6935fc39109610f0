import {
  type AttributeValue,
  BatchWriteItemCommand,
  DynamoDBClient,
  GetItemCommand,
} from '@aws-sdk/client-dynamodb';
import { encodeAccountId } from '../local/jobber/accounts.ts';
import { sweepShardOf } from '../shared/tokens/connection.ts';
import { type RootKey, seal } from '../shared/tokens/sealing.ts';
import { HOUR, nowSeconds } from './design.ts';
import { ours } from './ours.ts';
import type { Services } from './services.ts';

const BATCH = 25;
const BATCHES_AT_ONCE = 4;
const DUE_WITHIN_S = 10 * 60;

export interface ManyConnections {
  readonly tableName: string;
  /** Account ids of those that are not due. */
  readonly others: readonly string[];
}

/**
 * A table with `total` connections, one in ten of them due for a refresh. Only these have tokens that Jobber knows; the
 * items of the others are copies.
 */
export async function manyConnections(
  services: Services,
  firstAccount: number,
  total: number,
): Promise<ManyConnections> {
  const { at } = services;
  const db = new DynamoDBClient({ endpoint: at.tableUrl });
  const tableName = await services.newTable();
  const accounts = Array.from({ length: total }, (_, index) => firstAccount + index);
  const isDue = (account: number) => account % 10 === 0;
  const due = accounts.filter(isDue);
  const grants = await services.grant(due);
  const pattern = await anItem();
  const key: RootKey = { id: at.sealing.id, secret: Buffer.from(at.sealing.value) };

  let next = 0;
  const load = async () => {
    while (next < total) {
      const batch = accounts.slice(next, next + BATCH);
      next += BATCH;
      const RequestItems = {
        [tableName]: batch.map((account) => ({ PutRequest: { Item: itemOf(account) } })),
      };
      await db.send(new BatchWriteItemCommand({ RequestItems }));
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, load));
  db.destroy();
  return {
    tableName,
    others: accounts.filter((account) => !isDue(account)).map(encodeAccountId),
  };

  async function anItem(): Promise<Record<string, AttributeValue>> {
    const [tokens = { accessToken: '', refreshToken: '' }] = await services.grant([1]);
    const accountId = encodeAccountId(1);
    const scratch = await services.newTable();
    await ours({ at, db, tableName: scratch }).save(accountId, tokens);
    const { Item = {} } = await db.send(
      new GetItemCommand({ TableName: scratch, Key: { accountId: { S: accountId } } }),
    );
    return Item;
  }

  function itemOf(account: number): Record<string, AttributeValue> {
    const accountId = encodeAccountId(account);
    const tokens = isDue(account) ? grants[(account - (due[0] ?? 0)) / 10] : undefined;
    const lifetime = tokens ? account % DUE_WITHIN_S : HOUR - (account % DUE_WITHIN_S);
    return {
      ...pattern,
      accountId: { S: accountId },
      sweepShard: { N: String(sweepShardOf(accountId)) },
      accessTokenExpiresAt: { N: String(nowSeconds() + lifetime) },
      ...(tokens && {
        accessToken: { B: seal(key, tokens.accessToken, accountId, 'accessToken') },
        refreshToken: { B: seal(key, tokens.refreshToken, accountId, 'refreshToken') },
      }),
    };
  }
}
