import { beforeEach, describe, expect, it } from 'vitest';
import { LEASE } from '../../../shared/tokens/budgets.ts';
import type { ConnectionTable } from '../../../shared/tokens/connection-table.ts';
import { holdUp } from '../../support/provider.ts';
import { ACCOUNT, tokenSystem } from '../../support/token-system.ts';
import { until } from '../../support/until.ts';

describe('races', () => {
  let system: Awaited<ReturnType<typeof tokenSystem>>;
  beforeEach(async () => {
    system = await tokenSystem();
    await system.connect();
    system.expireAccessToken();
  });

  it('lets one of eight processes redeem, and hands its token to all', async () => {
    const { server, startProcess, metrics } = system;
    server.script(async (carryOut) => {
      await until(() => metrics.filter((metric) => metric === 'RefreshWaited').length === 7);
      return carryOut();
    });
    const tokens = await Promise.all(
      Array.from({ length: 8 }, () => startProcess().getAccessToken(ACCOUNT)),
    );
    expect(server.redemptions).toHaveLength(1);
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('redeems once for a sweep, a request and a caller with a rejected token at once', async () => {
    const { server, startProcess, helper } = system;
    await helper.getAccessToken(ACCOUNT);
    system.clock.advance(59 * 60_000 + 30_000);
    const { accessToken } = await startProcess().getAccessToken(ACCOUNT, { minValiditySeconds: 0 });
    server.redemptions.length = 0;

    const results = await Promise.allSettled([
      startProcess().refreshIfDue(ACCOUNT, { minValiditySeconds: 900 }),
      startProcess().getAccessToken(ACCOUNT),
      startProcess().getAccessToken(ACCOUNT, { rejectedToken: accessToken }),
    ]);
    expect(server.redemptions).toHaveLength(1);
    expect(await system.status()).toBe('active');
    expect(await system.storedTokenIsLive()).toBe(true);
    expect(results[2]).toMatchObject({ status: 'fulfilled' });
  });

  it('does not mark the connection when the loser of an overrun lease is refused first', async () => {
    const { server, startProcess, startStalled, clock } = system;
    const goOn = holdUp(server, 'answer');
    const slow = startStalled().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    clock.advance(LEASE + 1);

    await expect(startProcess().getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
      retryable: true,
    });
    expect(await system.status()).toBe('active');

    goOn();
    await slow;
    expect(await system.storedTokenIsLive()).toBe(true);
    expect(await system.stored()).toMatchObject({ status: 'active', rotation: 1 });
    expect(await system.stored()).not.toHaveProperty('inDoubtSince');
  });

  it('adopts the winner’s token when the loser of an overrun lease is refused after its STORE', async () => {
    const { server, startProcess, clock, db } = system;
    const goOn = holdUp(server, 'answer');
    const slow = startProcess().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    clock.advance(LEASE + 1);
    const late: ConnectionTable = {
      ...db.table,
      async get(accountId) {
        goOn();
        await slow;
        return db.table.get(accountId);
      },
    };
    // The second one reads before it claims as well: only its re-read may wait for the winner.
    const second = startProcess({ ...late, get: onSecondCall(late.get, db.table.get) });
    const token = await second.getAccessToken(ACCOUNT);
    expect(token).toEqual(await slow);
    expect(await system.status()).toBe('active');
  });

  it('adopts what is stored when both redemptions succeed', async () => {
    const { server, startProcess, startStalled, clock } = system;
    server.reuse = 'grace';
    const goOn = holdUp(server, 'answer');
    const slow = startStalled().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    clock.advance(LEASE + 1);
    const token = await startProcess().getAccessToken(ACCOUNT);
    goOn();
    expect(await slow).toEqual(token);
    expect(await system.stored()).toMatchObject({ rotation: 1 });
    expect(await system.storedTokenIsLive()).toBe(true);
    expect(server.redemptions).toHaveLength(2);
    expect(system.metrics).toEqual(['RefreshSucceeded', 'RefreshAdopted']);
  });

  it('keeps a rotation of a token that another refresh has just left as it is', async () => {
    const { server, startProcess, startStalled, clock } = system;
    const goOn = holdUp(server, 'request');
    const slow = startStalled().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    clock.advance(LEASE + 1);
    server.reuse = 'same-token';
    await startProcess().getAccessToken(ACCOUNT);
    // Rotation is switched on in Jobber's Developer Center.
    server.reuse = 'refused';
    goOn();
    await slow;
    expect(await system.stored()).toMatchObject({ status: 'active', rotation: 1 });
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('keeps a new grant that arrives during a refresh, and answers the refresh with it', async () => {
    const { server, helper } = system;
    server.script(async (carryOut) => {
      const rotated = carryOut();
      const granted = await system.connect();
      expect(granted.refreshToken).not.toBe((rotated as { refreshToken: string }).refreshToken);
      return rotated;
    });
    const token = await helper.getAccessToken(ACCOUNT);
    const stored = await system.stored();
    expect(stored).toMatchObject({ status: 'active', rotation: 0 });
    expect(token.expiresAt).toBe(stored.accessTokenExpiresAt);
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('keeps a new grant that arrives while the old token is being refused', async () => {
    const { server, helper } = system;
    server.script(async () => {
      await system.connect();
      return { outcome: 'refused' };
    });
    await helper.getAccessToken(ACCOUNT);
    expect(await system.status()).toBe('active');
  });

  it('uses a new grant that arrives while the token endpoint gives no answer', async () => {
    const { server, helper } = system;
    server.script(async () => {
      await system.connect();
      return { outcome: 'unknown', maybeRedeemed: true, cause: 'x', retryAfterMs: 3_600_000 };
    });
    await helper.getAccessToken(ACCOUNT);
    expect(await system.stored()).not.toHaveProperty('unconfirmedAt');
  });

  it('never revives a connection that is disconnected during a refresh', async () => {
    const { server, helper, db } = system;
    server.script(async (carryOut) => {
      const rotated = carryOut();
      await disconnect(db);
      return rotated;
    });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ code: 'disconnected' });
    expect(await system.stored()).toMatchObject({ status: 'disconnected' });
  });

  it('does not bring back a connection that is deleted during a refresh', async () => {
    const { server, helper, db } = system;
    server.script(async (carryOut) => {
      const rotated = carryOut();
      await db.delete(ACCOUNT);
      return rotated;
    });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ code: 'not_connected' });
    expect(await system.stored()).toBeUndefined();
  });

  it('stores the rotation although an unrelated attribute changed during the refresh', async () => {
    const { server, helper, db } = system;
    server.script(async (carryOut) => {
      await db.set(ACCOUNT, { accountName: 'Maple Street Plumbing & Heating' });
      return carryOut();
    });
    await helper.getAccessToken(ACCOUNT);
    expect(await system.stored()).toMatchObject({
      rotation: 1,
      accountName: 'Maple Street Plumbing & Heating',
    });
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('lets a stale holder neither end nor overwrite the lease of its successor', async () => {
    const { server, startProcess, startStalled, clock } = system;
    const stale = Promise.withResolvers<void>();
    server.script(async () => {
      await stale.promise;
      return {
        outcome: 'unknown',
        maybeRedeemed: true,
        cause: 'no answer',
        retryAfterMs: 3_600_000,
      } as const;
    });
    const slow = startStalled().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    clock.advance(LEASE + 1);
    let leaseOfSuccessor: string | undefined;
    server.script(async (carryOut) => {
      leaseOfSuccessor = (await system.stored()).leaseId;
      stale.resolve();
      await expect(slow).rejects.toMatchObject({ code: 'refresh_outcome_unknown' });
      expect(await system.stored()).toMatchObject({ leaseId: leaseOfSuccessor });
      expect(await system.stored()).not.toHaveProperty('unconfirmedAt');
      return carryOut();
    });
    await startProcess().getAccessToken(ACCOUNT);
    expect(leaseOfSuccessor).toEqual(expect.any(String));
    expect(await system.stored()).toMatchObject({ rotation: 1 });
  });

  it('tells the verdict of the holder that took the lease over, not the error of the one that lost it', async () => {
    const { server, helper, db } = system;
    server.script(async () => {
      const verdict = { status: 'reconnect_required', statusReason: 'rotation_lost' };
      await db.set(ACCOUNT, verdict);
      await db.remove(ACCOUNT, ['leaseId', 'leaseExpiresAt']);
      return { outcome: 'client_rejected' };
    });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'reconnect_required',
      reason: 'rotation_lost',
    });
  });

  it('hands out the current token, without waiting, while another process refreshes ahead', async () => {
    const { server, startProcess, helper, clock, db } = system;
    const before = await helper.getAccessToken(ACCOUNT);
    clock.advance(59 * 60_000 + 30_000);
    const goOn = holdUp(server, 'request');
    const refreshing = startProcess().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 2);
    db.calls.length = 0;
    expect(await startProcess().getAccessToken(ACCOUNT)).toEqual(before);
    expect(db.calls).toEqual(['GetItem']);
    expect(clock.slept).toEqual([]);
    goOn();
    expect((await refreshing).accessToken).not.toBe(before.accessToken);
  });

  it('reports a refresh in progress to a sweep, whose message then stays in the queue', async () => {
    const { server, startProcess } = system;
    const goOn = holdUp(server, 'request');
    const refreshing = startProcess().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    await expect(
      startProcess().refreshIfDue(ACCOUNT, { minValiditySeconds: 900 }),
    ).rejects.toMatchObject({ code: 'refresh_in_progress' });
    goOn();
    await refreshing;
  });

  it('gives up waiting for another holder at the deadline', async () => {
    const { db, clock, helper } = system;
    await db.set(ACCOUNT, { leaseId: 'somebody', leaseExpiresAt: clock.now() + LEASE });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'refresh_in_progress',
      retryable: true,
    });
    expect(system.metrics.filter((metric) => metric === 'RefreshWaited')).toHaveLength(1);
  });
});

function onSecondCall<T extends (...args: never[]) => unknown>(second: T, first: T): T {
  let calls = 0;
  return ((...args: Parameters<T>) => (++calls === 2 ? second : first)(...args)) as T;
}

async function disconnect(db: Awaited<ReturnType<typeof tokenSystem>>['db']): Promise<void> {
  await db.set(ACCOUNT, { status: 'disconnected', statusReason: 'test', statusChangedAt: 0 });
  await db.remove(ACCOUNT, ['accessToken', 'refreshToken', 'sweepSlot', 'leaseId']);
}
