import { beforeEach, describe, expect, it } from 'vitest';
import { ESCROW_DELIVERY, GRACE, LEASE, PROBE_EVERY } from '../../../shared/tokens/budgets.ts';
import type { ConnectionTable } from '../../../shared/tokens/connection-table.ts';
import { holdUp } from '../../support/provider.ts';
import { ACCOUNT, MINUTE, rootKey, tokenSystem } from '../../support/token-system.ts';
import { until } from '../../support/until.ts';

const forever = <T>() => new Promise<T>(() => undefined);

describe('a process that dies', () => {
  let system: Awaited<ReturnType<typeof tokenSystem>>;
  beforeEach(async () => {
    system = await tokenSystem();
    await system.connect();
    system.expireAccessToken();
  });

  /** Starts a refresh in a process that stops for good within the given call of the table. */
  async function dieWithin(operation: keyof ConnectionTable, when: 'before' | 'after') {
    const { db, startProcess } = system;
    const reached = Promise.withResolvers<void>();
    const dying = async (...args: never[]) => {
      const call = db.table[operation] as (...args: never[]) => Promise<unknown>;
      if (when === 'after') await call(...args);
      reached.resolve();
      return forever();
    };
    void startProcess({ ...db.table, [operation]: dying }).getAccessToken(ACCOUNT);
    await reached.promise;
  }

  it('before CLAIM leaves nothing behind', async () => {
    await dieWithin('claim', 'before');
    await system.helper.getAccessToken(ACCOUNT);
    expect(system.server.redemptions).toHaveLength(1);
  });

  it('after CLAIM holds the others up until its lease has expired, no longer', async () => {
    await dieWithin('claim', 'after');
    const started = system.clock.now();
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'refresh_in_progress',
    });
    await system.helper.getAccessToken(ACCOUNT);
    expect(system.clock.now() - started).toBeGreaterThan(LEASE);
    expect(system.clock.now() - started).toBeLessThan(LEASE + ESCROW_DELIVERY + 2_000);
    expect(await system.stored()).toMatchObject({ status: 'active', rotation: 1 });
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('between the answer and STORE is recorded as rotation_lost, after the grace, never as revoked', async () => {
    await dieWithin('store', 'before');
    system.clock.advance(LEASE + 1);
    const { helper, clock } = system;
    const started = clock.now();
    for (; clock.now() - started < GRACE; clock.advance(MINUTE)) {
      await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
        code: 'rotation_in_doubt',
      });
      expect(await system.status()).toBe('active');
    }
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'reconnect_required',
      reason: 'rotation_lost',
    });
    expect(await system.status()).toBe('reconnect_required/rotation_lost');
    expect(system.metrics.filter((metric) => metric === 'ReconnectRequired')).toHaveLength(1);
  });

  it('after STORE loses nothing', async () => {
    await dieWithin('store', 'after');
    await system.helper.getAccessToken(ACCOUNT);
    expect(system.server.redemptions).toHaveLength(1);
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('while the request is on its way is not taken for a revocation', async () => {
    system.server.script((carryOut) => {
      carryOut();
      return forever();
    });
    void system.startStalled().getAccessToken(ACCOUNT);
    await until(() => system.server.redemptions.length === 1);
    system.clock.advance(LEASE + 1);
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
    system.clock.advance(GRACE);
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      reason: 'rotation_lost',
    });
  });

  it('before the refusal reached it leaves the verdict to the next, who waits out the grace', async () => {
    system.server.revoke();
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    system.clock.advance(GRACE);
    await dieWithin('lapse', 'before');
    system.clock.advance(LEASE + 1);
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
    system.clock.advance(GRACE);
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'reconnect_required',
    });
  });
});

describe('a verdict in doubt', () => {
  let system: Awaited<ReturnType<typeof tokenSystem>>;
  let wake: (() => void) | undefined;
  let stalled: Promise<unknown>;

  /** A holder redeems, and stalls past its lease with the live successor in hand. */
  beforeEach(async () => {
    system = await tokenSystem();
    await system.connect();
    system.expireAccessToken();
    wake = holdUp(system.server, 'answer');
    stalled = system.startStalled().getAccessToken(ACCOUNT);
    await until(() => system.server.redemptions.length === 1);
    system.clock.advance(LEASE + 1);
  });

  it('is healed by a STORE that comes after the verdict', async () => {
    const { helper, clock } = system;
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    clock.advance(GRACE);
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'reconnect_required',
    });
    wake?.();
    await stalled;
    const stored = await system.stored();
    expect(stored).toMatchObject({
      status: 'active',
      rotation: 1,
      sweepSlot: expect.stringMatching(/^warm/),
    });
    expect(stored).not.toHaveProperty('statusReason');
    expect(stored).not.toHaveProperty('statusChangedAt');
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('stays open when the next attempt has no answer, although that one ends its lease', async () => {
    const { helper, server } = system;
    server.script(() => ({
      outcome: 'unknown',
      maybeRedeemed: true,
      cause: 'x',
      retryAfterMs: 1e9,
    }));
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'refresh_outcome_unknown',
    });
    system.clock.advance(PROBE_EVERY);
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
    expect(await system.status()).toBe('active');
    wake?.();
    await stalled;
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('stays open when the next attempt finds our client rejected', async () => {
    const { helper, server } = system;
    server.script(() => ({ outcome: 'client_rejected' }));
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ code: 'client_rejected' });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
  });

  const trouble = {
    'has the credentials of another app': () => {
      system.server.clientId = 'other';
    },
    'cannot open the token': () => {
      system.keys.versions = [rootKey('other')];
    },
    'cannot read the key of the token': () => {
      system.keys.find = () => Promise.reject(new Error('AccessDeniedException'));
    },
  };
  it.each([
    ['has the credentials of another app', 'client_rejected'],
    ['cannot open the token', 'reconnect_required'],
    ['cannot read the key of the token', 'secrets_unavailable'],
  ] as const)('stays open when the next holder %s', async (what, code) => {
    const { clientId } = system.server;
    const [versions, { find }] = [system.keys.versions, system.keys];
    trouble[what]();
    const next = system.startProcess().refreshIfDue(ACCOUNT, { minValiditySeconds: 900 });
    await expect(next).rejects.toMatchObject({ code });
    expect(system.server.redemptions).toHaveLength(1);
    expect(await system.stored()).toHaveProperty('inDoubtSince', system.clock.now());
    expect(await system.stored()).not.toHaveProperty('leaseId');
    expect(await system.stored()).not.toHaveProperty('unconfirmedAt');
    system.server.clientId = clientId;
    Object.assign(system.keys, { versions, find });
    wake?.();
    await stalled;
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('starts its grace anew when a further lease is taken over', async () => {
    const { helper, clock, db, startProcess } = system;
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    clock.advance(GRACE - MINUTE);
    const claimed = Promise.withResolvers<void>();
    void startProcess({
      ...db.table,
      async claim(...args) {
        await db.table.claim(...args);
        claimed.resolve();
        return forever();
      },
    }).getAccessToken(ACCOUNT);
    await claimed.promise;
    clock.advance(LEASE + 2 * MINUTE);
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
    expect((await system.stored()).inDoubtSince).toBe(clock.now());
  });
});
