import { beforeEach, describe, expect, it } from 'vitest';
import { plus } from '../../../shared/runtime/clock.ts';
import { GRACE } from '../../../shared/tokens/budgets.ts';
import type { ConnectionTable } from '../../../shared/tokens/connection-table.ts';
import type { ReplaceableGrant } from '../../../shared/tokens/grant-writes.ts';
import { saveGrant } from '../../../shared/tokens/save-grant.ts';
import { answerLost } from '../../support/provider.ts';
import { ACCOUNT, CALL_TIME, MINUTE, tokenSystem } from '../../support/token-system.ts';

let system: Awaited<ReturnType<typeof tokenSystem>>;
const by = () => plus(system.clock.now(), CALL_TIME);
beforeEach(async () => {
  system = await tokenSystem();
  await system.connect();
  system.expireAccessToken();
});

describe('a write that landed but lost its reply, so that the SDK’s retry fails its condition', () => {
  it('is recognised at CLAIM', async () => {
    system.db.fail('UpdateItem', 'lost');
    await system.helper.getAccessToken(ACCOUNT);
    expect(system.server.redemptions).toHaveLength(1);
    expect(await system.stored()).toMatchObject({ rotation: 1 });
  });

  it('takes the lease as abandoned, since nobody knows what it replaced', async () => {
    system.server.revoke();
    system.db.fail('UpdateItem', 'lost');
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
    expect(await system.stored()).toHaveProperty('inDoubtSince', system.clock.now());
  });

  it('is recognised at STORE', async () => {
    const { db, server, helper } = system;
    server.script((carryOut) => {
      db.fail('UpdateItem', 'lost');
      return carryOut();
    });
    const token = await helper.getAccessToken(ACCOUNT);
    expect(await system.stored()).toMatchObject({
      rotation: 1,
      accessTokenExpiresAt: token.expiresAt,
    });
    expect(await system.storedTokenIsLive()).toBe(true);
    expect(system.metrics).toContain('RefreshSucceeded');
    expect(system.metrics).not.toContain('RefreshAdopted');
  });

  it('is recognised when the verdict was written', async () => {
    const { db, server, helper, clock } = system;
    server.script(
      () => ({ outcome: 'refused' }),
      () => {
        db.fail('UpdateItem', 'lost');
        return { outcome: 'refused' };
      },
    );
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
    clock.advance(GRACE);
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'reconnect_required',
      reason: 'revoked',
    });
  });

  it('does no harm when a lease was ended', async () => {
    const { db, server, helper } = system;
    server.script(() => {
      db.fail('UpdateItem', 'lost');
      return { outcome: 'client_rejected' };
    });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ code: 'client_rejected' });
    expect(await system.stored()).not.toHaveProperty('leaseId');
  });
});

describe('a table that refuses writes', () => {
  it('spends no token when it does so before the redemption', async () => {
    system.db.outage(true);
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'table_unavailable',
      retryable: true,
    });
    expect(system.server.redemptions).toEqual([]);
  });

  it('leaves the current token to its caller when it does so at CLAIM, before that token expires', async () => {
    const { helper, clock, db, server, startProcess } = system;
    const current = await helper.getAccessToken(ACCOUNT);
    clock.advance(59 * MINUTE + 30_000);
    const silent = startProcess({
      ...db.table,
      claim(...args) {
        db.outage(true);
        return db.table.claim(...args);
      },
    });
    expect(await silent.getAccessToken(ACCOUNT)).toEqual(current);
    expect(server.redemptions).toHaveLength(1);
  });

  it('gets the rotation as soon as it is back', async () => {
    const { db, server, clock } = system;
    server.script((carryOut) => {
      db.outage(true);
      return carryOut();
    });
    const sleep = clock.sleep;
    clock.sleep = async (ms) => {
      await sleep(ms);
      if (clock.slept.length === 4) db.outage(false);
    };
    await system.startProcess().getAccessToken(ACCOUNT);
    expect(clock.slept).toHaveLength(4);
    expect(system.escrowed).toEqual([]);
    expect(await system.stored()).toMatchObject({ rotation: 1 });
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('leaves the lease to expire when it refuses to end it', async () => {
    const { db, server, helper } = system;
    server.script(answerLost, () => {
      db.outage(true);
      return { outcome: 'client_rejected' };
    });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ code: 'client_rejected' });
    db.outage(false);
    expect(await system.stored()).toHaveProperty('leaseId');
  });
});

describe('a new grant', () => {
  it('replaces a connection that needs it, whatever it was', async () => {
    system.server.revoke();
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    const before = await system.stored();
    await system.connect();
    const stored = await system.stored();
    expect(stored).toMatchObject({ status: 'active', rotation: 0 });
    expect(stored.grantId).not.toBe(before.grantId);
    for (const gone of ['statusReason', 'statusChangedAt', 'leaseId', 'unconfirmedAt']) {
      expect(stored).not.toHaveProperty(gone);
    }
    await system.startProcess().getAccessToken(ACCOUNT);
  });

  it('drops what the earlier grant alone knew, but keeps the owner’s own id', async () => {
    const { db, clock, keys, server } = system;
    const grant = {
      ...server.authorize(),
      accountId: ACCOUNT,
      clientId: 'client',
      accountName: 'M',
      connectedAt: clock.now(),
    };
    await saveGrant(
      { table: db.table, clock },
      await keys.current(),
      { ...grant, ref: 'tenant-7', userId: '1' },
      by(),
    );
    expect(await system.stored()).toMatchObject({ ref: 'tenant-7', userId: '1' });
    await saveGrant({ table: db.table, clock }, await keys.current(), grant, by());
    expect(await system.stored()).toHaveProperty('ref', 'tenant-7');
    expect(await system.stored()).not.toHaveProperty('userId');
  });

  it('does not replace one that was issued later', async () => {
    const { db, clock, keys, server } = system;
    const early = {
      ...server.authorize(),
      accountId: ACCOUNT,
      clientId: 'client',
      accountName: 'Early',
      connectedAt: clock.now(),
    };
    clock.advance(1);
    await system.connect();
    const later = await system.stored();
    const save = async () =>
      saveGrant({ table: db.table, clock }, await keys.current(), early, by());
    expect(await save()).toMatchObject({ outcome: 'kept' });
    expect(await system.stored()).toEqual(later);

    await db.set(ACCOUNT, { status: 'disconnected', statusChangedAt: clock.now() });
    expect(await save()).toEqual({ outcome: 'disconnected' });
    expect(await system.status()).toMatch(/^disconnected/);
  });

  describe('that the table refuses', () => {
    const mine = { userId: '1' };
    it.each([
      ['finds a later grant of another user', 'any', mine, { userId: '2' }, 'kept'],
      [
        'finds another user’s grant, over which it may not go',
        'own',
        mine,
        { userId: '2' },
        'kept',
      ],
      ['finds a grant, and neither has a known user', 'own', {}, {}, 'kept'],
      ['finds a later grant of its own user', 'own', mine, mine, 'connected'],
      [
        'finds that its user has disconnected',
        'own',
        mine,
        { status: 'disconnected', ...mine },
        'disconnected',
      ],
      ['finds nothing', 'own', mine, undefined, 'disconnected'],
    ] as const)('%s', async (_, over, user, found, outcome) => {
      const stored = found && { ...(await system.stored()), ...found };
      const table = {
        ...system.db.table,
        saveGrant: async () => ({ written: false, found: stored }),
      };
      expect(await save(table as never, user, over)).toEqual(
        outcome === 'kept' ? { outcome, found: stored } : { outcome },
      );
    });

    it('because its own first attempt landed is connected', async () => {
      const { db } = system;
      await db.delete(ACCOUNT);
      db.fail('UpdateItem', 'lost');
      expect(await save(db.table, {}, 'own')).toEqual({ outcome: 'connected' });
      expect(await system.stored()).toMatchObject({ status: 'active', accountName: 'M' });
    });

    const save = async (table: ConnectionTable, user: object, over: ReplaceableGrant) => {
      const { clock, keys, server } = system;
      const grant = {
        ...server.authorize(),
        ...user,
        accountId: ACCOUNT,
        clientId: 'client',
        accountName: 'M',
        connectedAt: clock.now(),
      };
      return saveGrant({ table, clock }, await keys.current(), grant, by(), over);
    };
  });

  it('is written once: a retry of a write that landed does not undo what came after it', async () => {
    const { db, clock, keys, server, helper } = system;
    const grant = {
      ...server.authorize(),
      accountId: ACCOUNT,
      clientId: 'client',
      accountName: 'M',
      connectedAt: clock.now(),
      expiresAt: 0 as never,
    };
    // It lands, but nobody hears of it; before it is written again, the tokens are rotated.
    const slow = clock.sleep;
    clock.sleep = async (ms) => {
      clock.sleep = slow;
      await helper.getAccessToken(ACCOUNT);
      return slow(ms);
    };
    db.fail('UpdateItem', 'lost', 'refused');
    await saveGrant({ table: db.table, clock }, await keys.current(), grant, by());
    expect(await system.stored()).toMatchObject({ rotation: 1 });
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('is written although the table refuses it at first', async () => {
    const refreshedAt = system.nowSeconds();
    system.db.fail('UpdateItem', ...Array.from({ length: 5 }, () => 'refused' as const));
    await system.connect();
    expect(await system.stored()).toMatchObject({
      status: 'active',
      rotation: 0,
      refreshedAt,
    });
    const { db, clock, keys, server } = system;
    const grant = {
      ...server.authorize(),
      accountId: ACCOUNT,
      clientId: 'client',
      accountName: 'M',
      connectedAt: clock.now(),
    };
    db.outage(true);
    const soon = plus(clock.now(), 5_000);
    const saved = saveGrant({ table: db.table, clock }, await keys.current(), grant, soon);
    await expect(saved).rejects.toMatchObject({ code: 'table_unavailable' });
    expect(clock.now()).toBeLessThanOrEqual(soon);
  });
});
