import { GetItemCommand, type UpdateItemCommandOutput } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { plus } from '../../../shared/runtime/clock.ts';
import { SWEEP_INDEX } from '../../../shared/tokens/index-names.ts';
import { saveGrant } from '../../../shared/tokens/save-grant.ts';
import { seal } from '../../../shared/tokens/sealing.ts';
import { slotOf } from '../../../shared/tokens/sweep-wheel.ts';
import { type Attribute, itemSize } from '../../support/item-size.ts';
import { ACCOUNT, MINUTE, tokenSystem } from '../../support/token-system.ts';

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
    // One that is being disconnected may be larger: it is not refreshed for long.
    await db.set(ACCOUNT, {
      inDoubtSince: clock.now(),
      unconfirmedAt: clock.now(),
      refusedAt: clock.now(),
      retryAt: clock.now(),
      escrowedAt: clock.now(),
      usedAt: clock.now(),
    });
    const { Item = {} } = await db.base.send(
      new GetItemCommand({ TableName: db.tableName, Key: { accountId: { S: ACCOUNT } } }),
    );
    expect(Item['issuedTo']?.S).toHaveLength(8);
    expect(itemSize(Item as Record<string, Attribute>)).toBeLessThanOrEqual(1_024);
  });

  it('costs one write unit to claim and one to store, and none of an index', async () => {
    const { db, keys, clock, connect, stored } = await tokenSystem();
    await connect();
    const table: (number | undefined)[] = [];
    const indexes: unknown[] = [];
    db.base.middlewareStack.add(
      (next, context) => async (args) => {
        if (context['commandName'] === 'UpdateItemCommand') {
          Object.assign(args.input, { ReturnConsumedCapacity: 'INDEXES' });
        }
        const result = await next(args);
        const { ConsumedCapacity: consumed } = result.output as UpdateItemCommandOutput;
        if (consumed) table.push(consumed.Table?.CapacityUnits);
        for (const index of Object.keys(consumed?.GlobalSecondaryIndexes ?? {})) {
          indexes.push([index, consumed?.GlobalSecondaryIndexes?.[index]?.CapacityUnits]);
        }
        return result;
      },
      { step: 'initialize', priority: 'low' },
    );
    const { refreshToken } = await stored();
    const lease = { id: 'x'.repeat(16), expiresAt: clock.now() };
    await db.table.claim(ACCOUNT, lease, clock.now(), { horizon: 1_900_000_000 as never });
    await db.table.renew({ accountId: ACCOUNT, leaseId: lease.id, refreshToken }, clock.now());
    const key = await keys.current();
    await db.table.store(ACCOUNT, refreshToken, {
      accessToken: seal(key, 'x'.repeat(450), ACCOUNT, 'accessToken'),
      refreshToken: seal(key, 'x'.repeat(32), ACCOUNT, 'refreshToken'),
      accessTokenExpiresAt: 1_900_000_000 as never,
      refreshedAt: 1_900_000_000 as never,
    });
    // CLAIM, RENEW, STORE.
    expect(table).toEqual([1, 1, 1]);
    expect(indexes).toEqual([]);
    // What moves a connection moves its entry, which shows that the indexes are counted. The embedded DynamoDB counts none.
    await db.table.move(await stored(), slotOf(ACCOUNT, 'idle'));
    expect(indexes).toEqual(process.env['DYNAMODB_ENDPOINT'] ? [[SWEEP_INDEX, 2]] : []);
  });
});
