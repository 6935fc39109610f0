import { GetItemCommand, type UpdateItemCommandOutput } from '@aws-sdk/client-dynamodb';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { plus } from '../../../shared/runtime/clock.ts';
import {
  DISCONNECTING_SHARD,
  SWEEP_SHARDS,
  sweepShardOf,
} from '../../../shared/tokens/connection.ts';
import { DUE_INDEX, type DueConnection, dueConnections } from '../../../shared/tokens/due-index.ts';
import { saveGrant } from '../../../shared/tokens/save-grant.ts';
import { seal } from '../../../shared/tokens/sealing.ts';
import { type Attribute, itemSize } from '../../support/item-size.ts';
import { ACCOUNT, MINUTE, tokenSystem } from '../../support/token-system.ts';

afterEach(() => vi.restoreAllMocks());

describe('the item', () => {
  it('fits one write unit with a 450-character token, a 40-character name, and all marks set', async () => {
    const { db, keys, clock } = await tokenSystem();
    const key = await keys.current();
    const grant = {
      accountId: ACCOUNT,
      clientId: 'client',
      accountName: 'x'.repeat(40),
      userId: '1077988',
      ref: 'x'.repeat(24),
      connectedAt: clock.now(),
      accessToken: 'x'.repeat(450),
      refreshToken: 'x'.repeat(32),
      expiresAt: 1_800_000_000 as never,
    };
    await saveGrant({ table: db.table, clock }, key, grant, plus(clock.now(), MINUTE));
    await db.table.claim(ACCOUNT, { id: 'x'.repeat(16), expiresAt: clock.now() }, clock.now(), {
      horizon: 1_900_000_000 as never,
    });
    await db.set(ACCOUNT, {
      inDoubtSince: clock.now(),
      unconfirmedAt: clock.now(),
      refusedAt: clock.now(),
      retryAt: clock.now(),
      disconnectingSince: clock.now(),
    });
    const { Item = {} } = await db.base.send(
      new GetItemCommand({ TableName: db.tableName, Key: { accountId: { S: ACCOUNT } } }),
    );
    expect(Item['issuedTo']?.S).toHaveLength(8);
    expect(itemSize(Item as Record<string, Attribute>)).toBeLessThanOrEqual(1_024);
  });

  it('costs one write unit to claim, and one and the index’s two to store', async () => {
    const { db, keys, clock, connect, stored } = await tokenSystem();
    await connect();
    const table: (number | undefined)[] = [];
    const index: number[] = [];
    db.base.middlewareStack.add(
      (next, context) => async (args) => {
        if (context['commandName'] === 'UpdateItemCommand') {
          Object.assign(args.input, { ReturnConsumedCapacity: 'INDEXES' });
        }
        const result = await next(args);
        const { ConsumedCapacity: consumed } = result.output as UpdateItemCommandOutput;
        if (consumed) table.push(consumed.Table?.CapacityUnits);
        const units = consumed?.GlobalSecondaryIndexes?.[DUE_INDEX]?.CapacityUnits;
        if (units) index.push(units);
        return result;
      },
      { step: 'initialize', priority: 'low' },
    );
    const { refreshToken } = await stored();
    const lease = { id: 'x'.repeat(16), expiresAt: clock.now() };
    await db.table.claim(ACCOUNT, lease, clock.now(), { horizon: 1_900_000_000 as never });
    const key = await keys.current();
    await db.table.store(ACCOUNT, refreshToken, {
      accessToken: seal(key, 'x'.repeat(450), ACCOUNT, 'accessToken'),
      refreshToken: seal(key, 'x'.repeat(32), ACCOUNT, 'refreshToken'),
      accessTokenExpiresAt: 1_900_000_000 as never,
      refreshedAt: 1_900_000_000 as never,
    });
    expect(table).toEqual([1, 1]);
    // The embedded DynamoDB does not report the index; AWS's own does.
    expect(index).toEqual(process.env['DYNAMODB_ENDPOINT'] ? [2] : []);
  });

  it('belongs to a shard that its account id alone decides, and all shards are used', () => {
    expect(sweepShardOf(ACCOUNT)).toBe(sweepShardOf(ACCOUNT));
    const shards = new Set(Array.from({ length: 500 }, (_, id) => sweepShardOf(String(id))));
    expect([...shards].sort()).toEqual(Array.from({ length: SWEEP_SHARDS }, (_, shard) => shard));
  });
});

describe('the due index', () => {
  it.each([0, 0.8])('is read from shard to shard, starting with any (random: %d)', async (dice) => {
    vi.spyOn(Math, 'random').mockReturnValue(dice);
    const { db, clock, connect, nowSeconds } = await tokenSystem();
    for (let account = 0; account < 120; account++) await connect(`account-${account}`);
    // Of each shard there is something to refresh, and something to appeal.
    const appealed = Array.from({ length: 60 }, (_, account) => `account-${account}`);
    for (const account of appealed) {
      await db.set(account, { appealShard: sweepShardOf(account), appealAt: clock.now() });
      await db.remove(account, ['sweepShard']);
    }
    await connect('disconnecting');
    await db.set('disconnecting', { sweepShard: DISCONNECTING_SHARD });
    const queries: string[] = [];
    const until = { horizon: (nowSeconds() + 3_601) as never, now: clock.now() };
    for await (const due of dueConnections(db.client, db.tableName, until)) {
      queries.push(...new Set(due.map(queryOf)));
    }
    const all = Array.from({ length: SWEEP_SHARDS }, (_, shard) => [
      `refresh ${shard}`,
      `appeal ${shard}`,
    ]).flat();
    all.push('disconnect');
    const first = Math.floor(dice * all.length);
    expect(queries).toEqual([...all.slice(first), ...all.slice(0, first)]);
  });

  const queryOf = ({ task, accountId }: DueConnection) =>
    task === 'disconnect' ? task : `${task} ${sweepShardOf(accountId)}`;

  it('finds, beside them, the appeals that are due, and all that is being disconnected', async () => {
    const { db, clock, connect } = await tokenSystem();
    const appeal = { appealShard: sweepShardOf('x'), statusReason: 'revoked' };
    for (const account of ['fresh', 'due', 'early', 'disconnecting']) await connect(account);
    for (const account of ['due', 'early']) await db.remove(account, ['sweepShard']);
    await db.set('due', { ...appeal, appealAt: clock.now() });
    await db.set('early', { ...appeal, appealAt: clock.now() + 1 });
    await db.set('disconnecting', { sweepShard: DISCONNECTING_SHARD });
    const found: DueConnection[] = [];
    const until = { horizon: 0 as never, now: clock.now() };
    for await (const page of dueConnections(db.client, db.tableName, until)) found.push(...page);
    expect(found).toHaveLength(2);
    expect(found).toContainEqual({ accountId: 'due', task: 'appeal' });
    expect(found).toContainEqual({ accountId: 'disconnecting', task: 'disconnect' });
  });

  it('finds, over all shards and pages, the active connections that expire before the horizon', async () => {
    const system = await tokenSystem();
    const { db, clock } = system;
    const accounts = Array.from({ length: 60 }, (_, index) => `account-${index}`);
    for (const account of accounts) await system.connect(account);
    clock.advance(30 * MINUTE);
    await system.connect('later');
    await db.client.send(
      new UpdateCommand({
        TableName: db.tableName,
        Key: { accountId: 'account-7' },
        UpdateExpression: 'REMOVE sweepShard',
      }),
    );
    const pages: DueConnection[][] = [];
    const horizon = (system.nowSeconds() + 31 * 60) as never;
    const until = { horizon, now: clock.now() };
    for await (const page of dueConnections(db.client, db.tableName, until)) pages.push(page);
    const found = pages.flat();
    expect(found.map(({ accountId }) => accountId).sort()).toEqual(
      accounts.filter((account) => account !== 'account-7').sort(),
    );
    expect(Object.keys(found[0] ?? {}).sort()).toEqual([
      'accessTokenExpiresAt',
      'accountId',
      'task',
    ]);
    expect(new Set(found.map(({ task }) => task))).toEqual(new Set(['refresh']));
    for (const page of pages) {
      const expiries = page.map(({ accessTokenExpiresAt }) => accessTokenExpiresAt);
      expect(expiries).toEqual([...expiries].sort());
    }
  });
});
