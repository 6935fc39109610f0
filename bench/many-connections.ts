import {
  type AttributeValue,
  BatchWriteItemCommand,
  DynamoDBClient,
  GetItemCommand,
} from '@aws-sdk/client-dynamodb';
import { SWEEP_EVERY_MINUTES } from '../functions/manifest.ts';
import { encodeAccountId } from '../local/jobber/accounts.ts';
import { type EpochMs, plus } from '../shared/runtime/clock.ts';
import { type RootKey, seal } from '../shared/tokens/sealing.ts';
import { slotOf, slotsBetween } from '../shared/tokens/sweep-wheel.ts';
import { HOUR, nowSeconds } from './design.ts';
import { ours } from './ours.ts';
import type { Services } from './services.ts';

const BATCH = 25;
const BATCHES_AT_ONCE = 4;
/** What a token of an hour has left after 45 minutes. */
const LEFT_S = 15 * 60;

export interface ManyConnections {
  readonly tableName: string;
  /** How many connections are in the slots that the sweep visits. */
  readonly due: number;
  /** Account ids of those that are not due. */
  readonly others: readonly string[];
}

/**
 * A table with `total` connections in use, each in its own slot. Those of five minutes are due, one in nine, as for every
 * sweep of a deployment. Only these have tokens that Jobber knows; the items of the others are copies.
 * @param sweptAt when the sweep runs
 */
export async function manyConnections(
  services: Services,
  firstAccount: number,
  total: number,
  sweptAt: EpochMs,
): Promise<ManyConnections> {
  const { at } = services;
  const db = new DynamoDBClient({ endpoint: at.tableUrl });
  const tableName = await services.newTable();
  const accounts = Array.from({ length: total }, (_, index) => firstAccount + index);
  const visited = new Set(
    slotsBetween(plus(sweptAt, -SWEEP_EVERY_MINUTES * 60_000), sweptAt).flatMap(
      ({ slots }) => slots,
    ),
  );
  const due = accounts.filter((account) => visited.has(warmSlot(account)));
  const grants = await services.grant(due);
  const tokensOf = new Map(due.map((account, index) => [account, grants[index]]));
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
    due: due.length,
    others: accounts.filter((account) => !tokensOf.has(account)).map(encodeAccountId),
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
    const tokens = tokensOf.get(account);
    return {
      ...pattern,
      accountId: { S: accountId },
      sweepSlot: { S: warmSlot(account) },
      accessTokenExpiresAt: { N: String(nowSeconds() + (tokens ? LEFT_S : HOUR)) },
      ...(tokens && {
        accessToken: { B: seal(key, tokens.accessToken, accountId, 'accessToken') },
        refreshToken: { B: seal(key, tokens.refreshToken, accountId, 'refreshToken') },
      }),
    };
  }
}

const warmSlot = (account: number) => slotOf(encodeAccountId(account), 'warm');
