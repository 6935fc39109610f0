import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { timeouts } from '../../../shared/runtime/aws.ts';
import type { EpochMs } from '../../../shared/runtime/clock.ts';
import { ESCROW, LEASE, STORE, TABLE_CALL } from '../../../shared/tokens/budgets.ts';
import { connectionTable } from '../../../shared/tokens/connection-table.ts';
import { ACCOUNT, tokenSystem } from '../../support/token-system.ts';
import { until } from '../../support/until.ts';

let system: Awaited<ReturnType<typeof tokenSystem>>;
beforeEach(async () => {
  system = await tokenSystem();
  await system.connect();
  system.expireAccessToken();
});

describe('a caller who waits for another refresh', () => {
  it('is answered in time though the table falls silent shortly before', async () => {
    const { db, clock, startProcess } = system;
    await db.set(ACCOUNT, { leaseId: 'somebody', leaseExpiresAt: clock.now() + LEASE });
    const asked: number[] = [];
    const silent = startProcess({
      ...db.table,
      get(accountId, withinMs = TABLE_CALL) {
        asked.push(withinMs);
        if (asked.length === 1) return db.table.get(accountId);
        clock.advance(withinMs);
        return Promise.reject(new Error('no answer'));
      },
    });
    const deadline = (clock.now() + 2_000) as EpochMs;
    await expect(silent.getAccessToken(ACCOUNT, { deadline })).rejects.toMatchObject({
      retryable: true,
    });
    expect(clock.now()).toBeLessThanOrEqual(deadline);
    expect(asked[1]).toBeLessThan(2_000);
  });

  it('in the same process ends after its own time, and the refresh goes on', async () => {
    const { server, helper, clock } = system;
    const goOn = Promise.withResolvers<void>();
    server.script(async (carryOut) => {
      await goOn.promise;
      return carryOut();
    });
    const first = helper.getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    // Its read must end within this time on a slow machine, too.
    const deadline = (clock.now() + 1_000) as EpochMs;
    await expect(helper.getAccessToken(ACCOUNT, { deadline })).rejects.toMatchObject({
      code: 'refresh_in_progress',
    });
    goOn.resolve();
    expect(await first).toHaveProperty('accessToken');
    expect(await system.storedTokenIsLive()).toBe(true);
  });
});

describe('ESCROW', () => {
  it('outlasts a blip of the table and the queue', async () => {
    const { db, server, helper, escrow, clock, escrowed, lastResorts } = system;
    let backAt = 0;
    server.script((carryOut) => {
      db.outage(true);
      escrow.refuses = true;
      backAt = clock.now() + STORE + ESCROW / 2;
      return carryOut();
    });
    const { keep } = escrow;
    escrow.keep = (...rotation) => {
      escrow.refuses = clock.now() < backAt;
      return keep(...rotation);
    };
    await helper.getAccessToken(ACCOUNT);
    expect(escrowed).toHaveLength(1);
    expect(lastResorts).toEqual([]);
  });
});

describe('a call of the table', { timeout: 20_000 }, () => {
  const open = new Set<() => void>();
  afterEach(() => {
    for (const close of open) close();
    open.clear();
  });

  /** A table whose every answer is made by `answer`, through the client of the functions. */
  async function tableThat(answer: (response: ServerResponse) => void) {
    const server = createServer((_, response) => answer(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const client = new DynamoDBClient({ endpoint: `http://127.0.0.1:${port}`, ...timeouts(1_000) });
    open.add(() => {
      client.destroy();
      server.closeAllConnections();
      server.close();
    });
    return connectionTable(DynamoDBDocumentClient.from(client), 'connections');
  }

  const trickle = (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
    const timer = setInterval(() => response.write(' '), 200);
    response.on('close', () => clearInterval(timer));
  };
  const askToWait = (response: ServerResponse) => {
    response.writeHead(503, { 'x-amz-retry-after': '11000', 'retry-after': '11' }).end('{}');
  };

  it('ends its request, too, when its time is over', async () => {
    const ended = Promise.withResolvers<void>();
    const table = await tableThat((response) => {
      response.on('close', ended.resolve);
      trickle(response);
    });
    await expect(table.get(ACCOUNT, 100)).rejects.toThrow();
    await ended.promise;
  });

  it.each([
    ['whose answer trickles', trickle],
    ['that asks to wait for 11 s', askToWait],
  ])('is given up when its time is over: one %s', async (_, answer) => {
    const table = await tableThat(answer);
    const held = { accountId: ACCOUNT, leaseId: 'x', refreshToken: Buffer.from('x') as never };
    const lease = { id: 'x', expiresAt: 1 as EpochMs };
    const calls = await Promise.allSettled([
      table.get(ACCOUNT),
      table.claim(ACCOUNT, lease, 1 as EpochMs, { horizon: 1 as never }),
      table.renew(held, 1 as EpochMs),
      table.release(held, {}),
      table.lapse(held, 'revoked', 1 as EpochMs),
    ]);
    // The bound ended them, and not what the SDK makes of such an answer.
    const reasons = calls.map((call) => (call.status === 'rejected' ? call.reason.name : 'none'));
    expect(reasons).toEqual(Array.from(calls, () => 'TimeoutError'));
  });
});
