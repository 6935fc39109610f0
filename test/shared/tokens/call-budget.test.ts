import type { UpdateItemCommandOutput } from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNT, tokenSystem } from '../../support/token-system.ts';
import { until } from '../../support/until.ts';

describe('the call budget', () => {
  let system: Awaited<ReturnType<typeof tokenSystem>>;
  beforeEach(async () => {
    system = await tokenSystem();
    await system.connect();
  });

  it('hands out a stored token with one GetItem, and the cached one with no call at all', async () => {
    const { db, helper } = system;
    const first = await helper.getAccessToken(ACCOUNT);
    expect(db.calls).toEqual(['GetItem']);
    expect(await helper.getAccessToken(ACCOUNT)).toEqual(first);
    expect(db.calls).toHaveLength(1);
  });

  it('refreshes with one GetItem, two UpdateItem and one POST', async () => {
    const { db, helper, server } = system;
    system.expireAccessToken();
    await helper.getAccessToken(ACCOUNT);
    expect(db.calls).toEqual(['GetItem', 'UpdateItem', 'UpdateItem']);
    expect(server.redemptions).toHaveLength(1);
  });

  it('refreshes from a sweep with one GetItem, two UpdateItem and one POST', async () => {
    const { db, helper, server } = system;
    system.expireAccessToken();
    await helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 });
    // The read is of the circuit breaker's item; all of a batch share it.
    expect(db.calls).toEqual(['GetItem', 'UpdateItem', 'UpdateItem']);
    expect(server.redemptions).toHaveLength(1);
  });

  it('serves 200 callers at once in one process with the calls of one', async () => {
    const { db, helper, server } = system;
    system.expireAccessToken();
    const tokens = await Promise.all(
      Array.from({ length: 200 }, () => helper.getAccessToken(ACCOUNT)),
    );
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(db.calls).toEqual(['GetItem', 'UpdateItem', 'UpdateItem']);
    expect(server.redemptions).toHaveLength(1);
  });

  it('reads once for 200 callers who find the stored token valid', async () => {
    const { db, helper } = system;
    await Promise.all(Array.from({ length: 200 }, () => helper.getAccessToken(ACCOUNT)));
    expect(db.calls).toEqual(['GetItem']);
  });

  it('follows another process’s refresh with one read at a time for all callers of a process', async () => {
    const { db, clock, helper, server, startProcess, metrics } = system;
    system.expireAccessToken();
    server.script(async (carryOut) => {
      await until(() => metrics.filter((metric) => metric === 'RefreshWaited').length === 100);
      return carryOut();
    });
    const holder = helper.getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    db.calls.length = 0;
    const other = startProcess();
    const waiting = Array.from({ length: 100 }, () => other.getAccessToken(ACCOUNT));
    const { accessToken } = await holder;
    for (const token of await Promise.all(waiting)) expect(token.accessToken).toBe(accessToken);
    const reads = db.calls.filter((call) => call === 'GetItem');
    expect(reads).toHaveLength(1 + clock.slept.length);
    expect(reads.length).toBeLessThan(20);
  });

  it('consumes two write units to refresh, and a read unit to look', async () => {
    const { db, helper } = system;
    const units: [string, number | undefined][] = [];
    db.base.middlewareStack.add(
      (next, context) => async (args) => {
        Object.assign(args.input, { ReturnConsumedCapacity: 'INDEXES' });
        const result = await next(args);
        const { ConsumedCapacity: consumed } = result.output as UpdateItemCommandOutput;
        units.push([String(context['commandName']), consumed?.Table?.CapacityUnits]);
        return result;
      },
      { step: 'initialize', priority: 'low' },
    );
    await helper.getAccessToken(ACCOUNT);
    expect(units.splice(0)).toEqual([['GetItemCommand', 1]]);
    await helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 7_200 });
    expect(units).toEqual([
      ['GetItemCommand', 0.5],
      ['UpdateItemCommand', 1],
      ['UpdateItemCommand', 1],
    ]);
  });
});
