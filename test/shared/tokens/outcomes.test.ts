import { beforeEach, describe, expect, it } from 'vitest';
import { ESCROW_DELIVERY, GRACE, PROBE_EVERY, SPENDING } from '../../../shared/tokens/budgets.ts';
import { answerLost, noAnswer, unreachable } from '../../support/provider.ts';
import { ACCOUNT, MINUTE, tokenSystem } from '../../support/token-system.ts';

let system: Awaited<ReturnType<typeof tokenSystem>>;
beforeEach(async () => {
  system = await tokenSystem();
  await system.connect();
  system.expireAccessToken();
});

/** The first refusal leaves a mark, and the grace passes. */
async function refuseOnce(): Promise<void> {
  await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
    code: 'rotation_in_doubt',
    retryable: true,
  });
  system.clock.advance(GRACE);
}

describe('a refused refresh token', () => {
  it('ends as revoked at the second refusal, ten minutes later, when nobody else can have redeemed it', async () => {
    system.server.revoke();
    await refuseOnce();
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'reconnect_required',
      reason: 'revoked',
      retryable: false,
    });
    const stored = await system.stored();
    expect(stored).toMatchObject({
      status: 'reconnect_required',
      statusReason: 'revoked',
      statusChangedAt: system.clock.now(),
    });
    for (const gone of ['leaseId', 'leaseExpiresAt', 'sweepSlot', 'inDoubtSince', 'retryAt']) {
      expect(stored).not.toHaveProperty(gone);
    }
  });

  it('is asked about once, however many callers see it, and no more afterwards', async () => {
    const { server, helper, startProcess } = system;
    server.revoke();
    await refuseOnce();
    server.redemptions.length = 0;
    const results = await Promise.allSettled([
      ...Array.from({ length: 20 }, () => helper.getAccessToken(ACCOUNT)),
      ...Array.from({ length: 4 }, () => startProcess().getAccessToken(ACCOUNT)),
    ]);
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(server.redemptions).toHaveLength(1);
    expect(system.metrics.filter((metric) => metric === 'ReconnectRequired')).toHaveLength(1);
  });

  it('ends as rotation_lost when an attempt under the same lease got no answer', async () => {
    system.server.script(answerLost);
    await refuseOnce();
    expect(system.server.redemptions).toHaveLength(2);
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      reason: 'rotation_lost',
    });
    expect(await system.status()).toBe('reconnect_required/rotation_lost');
  });

  it('ends as rotation_lost when an attempt under an earlier lease got no answer', async () => {
    const { server, helper } = system;
    server.script((carryOut) => {
      carryOut();
      return { ...noAnswer, retryAfterMs: 10 * MINUTE } as never;
    });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'refresh_outcome_unknown',
    });
    expect(await system.stored()).toMatchObject({ unconfirmedAt: system.clock.now() });
    system.clock.advance(PROBE_EVERY);
    await refuseOnce();
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ reason: 'rotation_lost' });
  });

  it('stays without a verdict while the table cannot be read again', async () => {
    const { server, helper, db } = system;
    server.script(() => {
      db.outage(true);
      return { outcome: 'refused' };
    });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'table_unavailable',
    });
    db.outage(false);
    expect(await system.status()).toBe('active');
  });
});

describe('a token endpoint without a usable answer', () => {
  it('is asked again within the lease', async () => {
    system.server.script(
      () => unreachable,
      () => unreachable,
    );
    await system.helper.getAccessToken(ACCOUNT);
    expect(system.server.redemptions).toHaveLength(3);
    expect(await system.stored()).toMatchObject({ rotation: 1 });
  });

  it('is given the time it asks for in Retry-After', async () => {
    system.server.script(() => ({ ...unreachable, retryAfterMs: 5_000 }) as never);
    await system.helper.getAccessToken(ACCOUNT);
    expect(system.clock.slept).toEqual([5_000]);
  });

  it('is not asked again when Retry-After goes beyond the deadline', async () => {
    system.server.script(() => ({ ...unreachable, retryAfterMs: 60_000 }) as never);
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'refresh_outcome_unknown',
      retryable: true,
      retryAfterSeconds: 60,
    });
    expect(system.clock.slept).toEqual([]);
  });

  it('leaves the connection active, the lease ended, and a mark only if it may have been reached', async () => {
    system.server.script(...Array.from({ length: 50 }, () => () => unreachable));
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    const stored = await system.stored();
    expect(stored.status).toBe('active');
    expect(stored).not.toHaveProperty('leaseId');
    expect(stored).not.toHaveProperty('unconfirmedAt');

    system.server.script(...Array.from({ length: 50 }, () => () => noAnswer));
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    expect(await system.stored()).toMatchObject({ status: 'active' });
    expect(await system.stored()).toHaveProperty('unconfirmedAt');
  });

  it('clears the mark with the next rotation', async () => {
    const { server, helper } = system;
    server.script(() => ({ ...noAnswer, retryAfterMs: 1e9 }) as never);
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    system.clock.advance(PROBE_EVERY);
    await helper.getAccessToken(ACCOUNT);
    expect(await system.stored()).not.toHaveProperty('unconfirmedAt');
  });

  it('does not keep anybody from the current token while that lasts', async () => {
    const { server, helper, clock } = system;
    const current = await helper.getAccessToken(ACCOUNT);
    clock.advance(59 * MINUTE + 30_000);
    server.script(...Array.from({ length: 50 }, () => () => unreachable));
    // The attempts move the clock, so the deadline must leave the token a few seconds.
    const deadline = (clock.now() + SPENDING) as never;
    expect(await helper.getAccessToken(ACCOUNT, { deadline })).toEqual(current);
    expect(server.redemptions.length).toBeGreaterThan(1);
  });

  it('counts an endpoint that throws as unknown, not as an answer', async () => {
    system.server.script(() => {
      throw new Error('broken contract');
    });
    await system.helper.getAccessToken(ACCOUNT);
    expect(system.server.redemptions).toHaveLength(2);
  });
});

describe('a rejected client', () => {
  it('marks no connection, ends the lease, and recovers by itself', async () => {
    const { server, helper } = system;
    server.script(() => ({ outcome: 'client_rejected' }));
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'client_rejected',
      retryable: true,
    });
    expect(system.metrics).toContain('ClientRejected');
    const stored = await system.stored();
    expect(stored.status).toBe('active');
    expect(stored).not.toHaveProperty('leaseId');
    await helper.getAccessToken(ACCOUNT);
    expect(await system.stored()).toMatchObject({ rotation: 1 });
  });
});

describe('too little time', () => {
  it('starts no claim', async () => {
    const deadline = (system.clock.now() + SPENDING - 1) as never;
    await expect(system.helper.getAccessToken(ACCOUNT, { deadline })).rejects.toMatchObject({
      code: 'deadline_too_close',
    });
    expect(system.db.calls).toEqual(['GetItem']);
  });

  it('does not redeem when the claim itself took too long', async () => {
    const { db, clock, startProcess, server } = system;
    const slow = startProcess({
      ...db.table,
      async claim(...args) {
        const claim = await db.table.claim(...args);
        clock.advance(60_000);
        return claim;
      },
    });
    await expect(slow.getAccessToken(ACCOUNT)).rejects.toMatchObject({ retryable: true });
    expect(server.redemptions).toEqual([]);
    expect(await system.stored()).not.toHaveProperty('leaseId');
  });
});

describe('accounts that have no tokens', () => {
  it('are told apart: never connected, disconnected', async () => {
    await expect(system.helper.getAccessToken('nobody')).rejects.toMatchObject({
      code: 'not_connected',
    });
    await system.db.set(ACCOUNT, { status: 'disconnected' });
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'disconnected',
    });
    await expect(
      system.helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 }),
    ).rejects.toMatchObject({ code: 'disconnected' });
  });

  it.each(['revoked', 'rotation_lost'])('because they are %s need their admin', async (reason) => {
    const { db, helper, server } = system;
    await db.set(ACCOUNT, { status: 'reconnect_required', statusReason: reason });
    const needed = { code: 'reconnect_required', reason, retryable: false };
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject(needed);
    await expect(helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 })).rejects.toMatchObject(
      needed,
    );
    expect(server.redemptions).toEqual([]);
  });
});

describe('the credentials of another app, which a bad deploy brings', () => {
  it('spend no token, mark no connection, and cost nothing once they are right again', async () => {
    const { server, helper } = system;
    server.clientId = 'another-client';
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'client_rejected',
    });
    expect(server.redemptions).toEqual([]);
    expect(system.metrics).toContain('ClientRejected');
    expect(await system.stored()).toMatchObject({ status: 'active' });
    expect(await system.stored()).not.toHaveProperty('leaseId');
    expect(await system.stored()).not.toHaveProperty('unconfirmedAt');
    server.clientId = 'client';
    await helper.getAccessToken(ACCOUNT);
    expect(await system.stored()).toMatchObject({ rotation: 1 });
  });
});

describe('a connection that does not say which app it belongs to', () => {
  it('is refreshed with the credentials at hand', async () => {
    const { db, helper } = system;
    await db.remove(ACCOUNT, ['issuedTo']);
    await helper.getAccessToken(ACCOUNT);
    expect(await system.stored()).toMatchObject({ rotation: 1 });
  });
});

describe('a connection that is deleted', () => {
  it.each(['refused', 'client_rejected'] as const)(
    'during a refresh that ends as %s is not connected',
    async (outcome) => {
      const { server, helper, db } = system;
      server.script(async () => {
        await db.delete(ACCOUNT);
        return { outcome };
      });
      await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ code: 'not_connected' });
      expect(await db.table.get(ACCOUNT)).toBeUndefined();
      expect(system.metrics).not.toContain('RefreshAdopted');
    },
  );

  it('between a refusal and its verdict is not connected', async () => {
    const { server, helper, db } = system;
    server.revoke();
    await refuseOnce();
    const { lapse } = db.table;
    db.table.lapse = async (...verdict) => {
      await db.delete(ACCOUNT);
      return lapse(...verdict);
    };
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ code: 'not_connected' });
    expect(await db.table.get(ACCOUNT)).toBeUndefined();
  });

  it('before it is refreshed is not connected', async () => {
    await expect(
      system.helper.refreshIfDue('nobody', { minValiditySeconds: 900 }),
    ).rejects.toMatchObject({ code: 'not_connected' });
  });
});

describe('clocks that were wrong', () => {
  it('do not hold a connection by a lease that ends in hours', async () => {
    const { db, clock, helper } = system;
    await db.set(ACCOUNT, { leaseId: 'fast', leaseExpiresAt: clock.now() + 6 * 60 * MINUTE });
    const started = clock.now();
    await helper.getAccessToken(ACCOUNT);
    expect(clock.now()).toBeLessThanOrEqual(started + ESCROW_DELIVERY);
    expect(await system.stored()).toMatchObject({ rotation: 1 });
  });

  it('do not keep a customer from reconnecting', async () => {
    const { db, clock, server, helper } = system;
    await db.set(ACCOUNT, { connectedAt: clock.now() + 6 * 60 * MINUTE });
    server.revoke();
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    await system.connect();
    expect(await system.status()).toBe('active');
    expect(await system.storedTokenIsLive()).toBe(true);
  });
});

describe('a token that expires this very second', () => {
  it('is refreshed by a caller who takes any valid one, at the cost of one refresh', async () => {
    const { db, helper } = system;
    await db.set(ACCOUNT, { accessTokenExpiresAt: system.nowSeconds() });
    db.calls.length = 0;
    await helper.getAccessToken(ACCOUNT, { minValiditySeconds: 0 });
    expect(db.calls).toEqual(['GetItem', 'UpdateItem', 'UpdateItem']);
  });
});
