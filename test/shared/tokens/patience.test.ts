import { beforeEach, describe, expect, it } from 'vitest';
import { APPEALS_AFTER, GRACE, LEASE, REFUSED_PAUSE } from '../../../shared/tokens/budgets.ts';
import { decodeRotation, saveRotation } from '../../../shared/tokens/escrow.ts';
import { holdUp } from '../../support/provider.ts';
import { ACCOUNT, MINUTE, rootKey, tokenSystem } from '../../support/token-system.ts';
import { until } from '../../support/until.ts';

let system: Awaited<ReturnType<typeof tokenSystem>>;
beforeEach(async () => {
  system = await tokenSystem();
  await system.connect();
  system.expireAccessToken();
});

describe('a slow answer', () => {
  it('is waited for under a lease that is renewed, and stored', async () => {
    const { server, clock, startProcess } = system;
    const answer = holdUp(server, 'answer');
    const slow = startProcess().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    for (let waited = 0; waited < 100_000; waited += 10_000) {
      const before = (await system.stored()).leaseExpiresAt;
      clock.advance(10_000);
      await until(async () => (await system.stored()).leaseExpiresAt !== before);
    }
    await expect(
      startProcess().refreshIfDue(ACCOUNT, { minValiditySeconds: 900 }),
    ).rejects.toMatchObject({
      retryable: true,
    });
    answer();
    await slow;
    expect(server.redemptions).toHaveLength(1);
    expect(await system.stored()).toMatchObject({ status: 'active', rotation: 1 });
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('is given all the time that is left before STORE and ESCROW', async () => {
    await system.helper.getAccessToken(ACCOUNT);
    expect(system.server.timeouts[0]).toBeGreaterThan(150_000);
  });
});

describe('nothing that can fail', () => {
  it('stands between the answer and STORE: the sealing key was loaded before', async () => {
    const { server, keys, helper } = system;
    server.script((carryOut) => {
      keys.unreadable = true;
      return carryOut();
    });
    await helper.getAccessToken(ACCOUNT);
    keys.unreadable = false;
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('is sent under a lease that ended before the reply of CLAIM came', async () => {
    const { server, clock, db, startProcess } = system;
    const late = startProcess({
      ...db.table,
      async claim(...args) {
        const claim = await db.table.claim(...args);
        clock.advance(LEASE + 1);
        return claim;
      },
    });
    await expect(late.getAccessToken(ACCOUNT)).rejects.toMatchObject({ retryable: true });
    expect(server.redemptions).toEqual([]);
  });
});

describe('a wrong refusal', () => {
  const refusedOnce = () =>
    expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });

  it('pauses a refresh ahead of expiry, too, which does not look like a refresh in progress', async () => {
    const { server, helper } = system;
    server.script(() => ({ outcome: 'refused' }));
    const ahead = () => helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 });
    await expect(ahead()).rejects.toMatchObject({ code: 'rotation_in_doubt' });
    await expect(ahead()).rejects.toMatchObject({ code: 'rotation_in_doubt' });
    expect(server.redemptions).toHaveLength(1);
  });

  it('judges nobody, and the token works again as soon as Jobber takes it', async () => {
    const { server, helper, clock } = system;
    server.script(() => ({ outcome: 'refused' }));
    await refusedOnce();
    clock.advance(REFUSED_PAUSE);
    await helper.getAccessToken(ACCOUNT);
    expect(await system.stored()).toMatchObject({ status: 'active', rotation: 1 });
    expect(await system.stored()).not.toHaveProperty('refusedAt');
  });

  it('is not asked for again within a minute, however many callers come', async () => {
    const { server } = system;
    server.revoke();
    for (let call = 0; call < 20; call++) await refusedOnce();
    expect(server.redemptions).toHaveLength(1);
  });

  it('that came to a verdict is appealed after an hour, six hours and then daily, and a success restores it', async () => {
    const { server, helper, clock } = system;
    const refuse = () => server.script(() => ({ outcome: 'refused' }));
    refuse();
    await refusedOnce();
    clock.advance(GRACE);
    refuse();
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ reason: 'revoked' });
    const verdictAt = clock.now();
    server.redemptions.length = 0;
    for (const after of APPEALS_AFTER.slice(0, 3)) {
      clock.advance(verdictAt + after - clock.now() - 1);
      await helper.appeal(ACCOUNT);
      clock.advance(1);
      refuse();
      await helper.appeal(ACCOUNT).catch(() => undefined);
    }
    expect(server.redemptions).toHaveLength(3);
    expect(await system.status()).toBe('reconnect_required/revoked');
    clock.advance(24 * 60 * MINUTE);
    await helper.appeal(ACCOUNT);
    expect(await system.stored()).toMatchObject({ status: 'active', rotation: 1 });
    expect(await system.stored()).not.toHaveProperty('appealAt');
    expect(await system.stored()).not.toHaveProperty('appealShard');
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('is appealed only while it needs its admin, when an appeal is due, and by one at a time', async () => {
    const { helper, server, clock, db } = system;
    const asked = async (account = ACCOUNT) => {
      const before = server.redemptions.length;
      await helper.appeal(account);
      return server.redemptions.length - before;
    };
    // It is active, and another account never connected.
    expect(await asked()).toBe(0);
    expect(await asked('nobody')).toBe(0);
    const lapsed = {
      status: 'reconnect_required',
      statusReason: 'revoked',
      statusChangedAt: clock.now(),
      appealShard: 0,
    };
    await db.set(ACCOUNT, lapsed);
    expect(await asked()).toBe(0);
    await db.set(ACCOUNT, { appealAt: clock.now() + 1 });
    expect(await asked()).toBe(0);
    await db.set(ACCOUNT, {
      appealAt: clock.now(),
      leaseId: 'other',
      leaseExpiresAt: clock.now() + LEASE,
    });
    await expect(helper.appeal(ACCOUNT)).rejects.toMatchObject({ code: 'refresh_in_progress' });
    await db.remove(ACCOUNT, ['leaseId', 'leaseExpiresAt']);
    expect(await asked()).toBe(1);
    expect(await system.status()).toBe('active');
  });

  it('that another process has restored meanwhile needs no appeal', async () => {
    const { helper, server, clock, db } = system;
    await db.set(ACCOUNT, {
      status: 'reconnect_required',
      statusReason: 'revoked',
      statusChangedAt: clock.now(),
      appealShard: 0,
      appealAt: clock.now(),
    });
    const { claimAppeal } = db.table;
    db.table.claimAppeal = async (...claim) => {
      await db.set(ACCOUNT, { status: 'active' });
      return claimAppeal(...claim);
    };
    await helper.appeal(ACCOUNT);
    db.table.claimAppeal = claimAppeal;
    expect(server.redemptions).toHaveLength(0);
  });

  it('is appealed for a week, and then no more', async () => {
    const { server, helper, clock } = system;
    server.revoke();
    await refusedOnce();
    clock.advance(GRACE);
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    server.redemptions.length = 0;
    for (let hour = 0; hour < 10 * 24; hour++) {
      clock.advance(60 * MINUTE);
      await helper.appeal(ACCOUNT).catch(() => undefined);
    }
    expect(server.redemptions).toHaveLength(APPEALS_AFTER.length);
    expect(await system.stored()).not.toHaveProperty('appealShard');
  });
});

describe('a token that comes back unchanged', () => {
  it('does not take away the lease of the present holder when it is stored late', async () => {
    const { server, clock, startStalled } = system;
    server.reuse = 'same-token';
    const late = holdUp(server, 'answer');
    const first = startStalled().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    clock.advance(LEASE + 1);
    holdUp(server, 'request');
    void startStalled().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 2);
    const held = await system.stored();
    late();
    await first.catch(() => undefined);
    expect(await system.stored()).toEqual(held);
  });

  it('keeps its sealed value when the key was rolled while somebody else may hold a successor', async () => {
    const { server, keys, clock, startStalled, startProcess } = system;
    const goOn = holdUp(server, 'request');
    const slow = startStalled().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    clock.advance(LEASE + 1);
    keys.versions.push(rootKey('00000000-0000-4000-8000-000000000002'));
    server.reuse = 'same-token';
    await startProcess().getAccessToken(ACCOUNT);
    server.reuse = 'refused';
    goOn();
    await slow;
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('in a dead letter revives nothing', async () => {
    const { db, server, helper } = system;
    const { refreshToken, accessToken } = await system.stored();
    server.revoke();
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    system.clock.advance(GRACE);
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    const successor = { accessToken, refreshToken, accessTokenExpiresAt: 1, refreshedAt: 1 };
    const rotation = { accountId: ACCOUNT, redeemed: refreshToken, successor };
    expect(await saveRotation(db.table, rotation as never)).toBe('superseded');
    expect(await system.status()).toBe('reconnect_required/revoked');
  });
});

describe('a rotation', () => {
  it('whose access token was cut off is kept, and the caller gets the next one', async () => {
    const { server, helper } = system;
    server.script((carryOut) => ({ ...carryOut(), accessToken: undefined }) as never);
    expect(await helper.getAccessToken(ACCOUNT)).toHaveProperty('accessToken');
    expect(server.redemptions).toHaveLength(2);
    expect(await system.stored()).toMatchObject({ status: 'active', rotation: 2 });
  });

  it('whose access token was cut off brings the next one to a caller whose token was rejected, too', async () => {
    const { server, helper } = system;
    server.script((carryOut) => ({ ...carryOut(), accessToken: undefined }) as never);
    const token = await helper.getAccessToken(ACCOUNT, { rejectedToken: 'an older one' });
    expect(token.accessToken).toEqual(expect.any(String));
    expect(server.redemptions).toHaveLength(2);
  });

  it('is stored in an item that has no rotation yet', async () => {
    const { db, helper } = system;
    await db.remove(ACCOUNT, ['rotation']);
    await helper.getAccessToken(ACCOUNT);
    expect(await system.stored()).toMatchObject({ rotation: 1 });
  });

  it('in escrow is waited for by whoever takes over the lease, so that no spent token is sent', async () => {
    const { db, server, helper, startProcess, escrowed, clock } = system;
    server.reuse = 'revokes';
    server.script((carryOut) => {
      db.outage(true);
      return carryOut();
    });
    await helper.getAccessToken(ACCOUNT);
    db.outage(false);
    clock.advance(LEASE);
    const taking = startProcess().getAccessToken(ACCOUNT);
    await until(
      async () =>
        (await system.stored()).leaseExpiresAt === clock.now() + LEASE || clock.slept.length > 0,
    );
    await saveRotation(db.table, decodeRotation(escrowed[0] ?? ''));
    await taking;
    expect(server.redemptions).toHaveLength(1);
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('in escrow keeps its spent token from being sent, however long the table refuses STORE alone', async () => {
    const { db, server, startProcess, escrowed, clock } = system;
    server.reuse = 'revokes';
    const refusing = { ...db.table, store: () => Promise.reject(new Error('throttled')) };
    await startProcess(refusing).getAccessToken(ACCOUNT);
    for (let minute = 0; minute < 5; minute++) {
      clock.advance(MINUTE);
      await expect(startProcess().getAccessToken(ACCOUNT)).rejects.toMatchObject({
        code: 'rotation_in_doubt',
      });
    }
    expect(server.redemptions).toHaveLength(1);
    await saveRotation(db.table, decodeRotation(escrowed[0] ?? ''));
    await startProcess().getAccessToken(ACCOUNT);
    expect(server.redemptions).toHaveLength(1);
    expect(await system.storedTokenIsLive()).toBe(true);
    expect(await system.stored()).not.toHaveProperty('escrowedAt');
  });

  it('of another account is neither stored nor handed out', async () => {
    const { server, helper, metrics } = system;
    const ofAccount = (name: string) => (carryOut: () => object) =>
      ({ ...carryOut(), accessToken: `access-of-${name}-1` }) as never;
    server.script(ofAccount('one'));
    await helper.getAccessToken(ACCOUNT);
    system.expireAccessToken();
    server.script(ofAccount('other'));
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'refresh_outcome_unknown',
      retryable: true,
      message: expect.stringContaining('another account'),
    });
    expect(metrics).toContain('ForeignTokens');
    expect(await system.stored()).toMatchObject({ rotation: 1 });
    expect(await system.stored()).toHaveProperty('unconfirmedAt');
  });

  it('is stored if its access token no longer says which account it is of', async () => {
    const { server, helper, metrics } = system;
    server.script((carryOut) => ({ ...carryOut(), accessToken: 'access-of-one-1' }) as never);
    await helper.getAccessToken(ACCOUNT);
    system.expireAccessToken();
    const { accessToken } = await helper.getAccessToken(ACCOUNT);
    expect(accessToken).toMatch(/^access-[0-9a-f]+$/);
    expect(metrics).not.toContain('ForeignTokens');
    expect(await system.stored()).toMatchObject({ rotation: 2 });
  });
});

describe('tokens that live for less than callers ask for', () => {
  it('are refreshed when half of their life is over, not at every call', async () => {
    const { server, helper, clock } = system;
    server.lifetimeSeconds = 20;
    await helper.getAccessToken(ACCOUNT);
    for (let second = 0; second < 8; second++) {
      clock.advance(1_000);
      await helper.getAccessToken(ACCOUNT);
      await system.startProcess().getAccessToken(ACCOUNT);
    }
    expect(server.redemptions).toHaveLength(1);
    clock.advance(3_000);
    await helper.getAccessToken(ACCOUNT);
    expect(server.redemptions).toHaveLength(2);
  });
});
