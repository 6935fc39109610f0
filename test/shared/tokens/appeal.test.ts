import { beforeEach, describe, expect, it } from 'vitest';
import {
  APPEALS_AFTER,
  ESCROW_DELIVERY,
  GRACE,
  LEASE,
  PROBE_EVERY,
} from '../../../shared/tokens/budgets.ts';
import type { ConnectionTable } from '../../../shared/tokens/connection-table.ts';
import { reasonAfterAppeal } from '../../../shared/tokens/verdict.ts';
import { answerLost } from '../../support/provider.ts';
import { ACCOUNT, tokenSystem } from '../../support/token-system.ts';

const [FIRST_APPEAL = NaN] = APPEALS_AFTER;

let system: Awaited<ReturnType<typeof tokenSystem>>;
/** A connection that Jobber refused by mistake, twice, when its appeal is due. */
beforeEach(async () => {
  system = await tokenSystem();
  await system.connect();
  const { server, helper, clock, metrics, db } = system;
  system.expireAccessToken();
  for (const code of ['rotation_in_doubt', 'reconnect_required']) {
    server.script(() => ({ outcome: 'refused' }));
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ code });
    clock.advance(GRACE);
  }
  clock.advance(FIRST_APPEAL);
  for (const record of [server.redemptions, metrics, db.calls]) record.length = 0;
});

/** A process in which something happens to the connection just before CLAIM APPEAL. */
const beforeClaim = (happens: () => Promise<unknown>) =>
  system.startProcess({
    ...system.db.table,
    async claimAppeal(...claim: Parameters<ConnectionTable['claimAppeal']>) {
      await happens();
      return system.db.table.claimAppeal(...claim);
    },
  });

describe('an appeal', () => {
  it('restores the connection when Jobber takes the token', async () => {
    await system.helper.appeal(ACCOUNT);
    expect(await system.stored()).toMatchObject({ status: 'active', rotation: 1 });
  });

  it.each([
    ['is active', () => system.connect()],
    ['has had its last appeal', () => system.db.remove(ACCOUNT, ['appealAt', 'appealShard'])],
    ['is disconnected', () => system.db.set(ACCOUNT, { status: 'disconnected' })],
    ['is not there', () => system.db.delete(ACCOUNT)],
  ])('costs one read and does nothing more when the connection %s', async (_, change) => {
    const { db, server, helper } = system;
    await change();
    const before = await db.table.get(ACCOUNT);
    db.calls.length = 0;
    await helper.appeal(ACCOUNT, { atOnce: true });
    expect(db.calls).toEqual(['GetItem']);
    expect(server.redemptions).toEqual([]);
    expect(await db.table.get(ACCOUNT)).toEqual(before);
  });

  it.each([
    ['became active', () => system.connect()],
    ['was disconnected', () => system.db.set(ACCOUNT, { status: 'disconnected' })],
    ['was deleted', () => system.db.delete(ACCOUNT)],
  ])('has nothing left to do when the connection %s before its claim', async (_, change) => {
    await beforeClaim(change).appeal(ACCOUNT);
    expect(system.server.redemptions).toEqual([]);
  });

  it('reports a refresh in progress when another appeal is quicker', async () => {
    const { db, clock, server } = system;
    const lease = { leaseId: 'theirs', leaseExpiresAt: clock.now() + LEASE };
    const slower = beforeClaim(() => db.set(ACCOUNT, lease));
    await expect(slower.appeal(ACCOUNT)).rejects.toMatchObject({ code: 'refresh_in_progress' });
    expect(server.redemptions).toEqual([]);
  });

  it('goes on when the reply of its claim was lost, and waits for what an earlier holder may store', async () => {
    const { db, clock, helper, server } = system;
    const started = clock.now();
    db.fail('UpdateItem', 'lost');
    await helper.appeal(ACCOUNT);
    expect(server.redemptions).toHaveLength(1);
    expect(clock.now()).toBeGreaterThanOrEqual(started + ESCROW_DELIVERY);
    expect(await system.stored()).toMatchObject({ status: 'active', rotation: 1 });
  });

  it('that is refused keeps the reason, ends its lease and leaves no mark of a redemption', async () => {
    system.server.revoke();
    const refused = { code: 'reconnect_required', reason: 'revoked' };
    await expect(system.helper.appeal(ACCOUNT)).rejects.toMatchObject(refused);
    expect(await system.status()).toBe('reconnect_required/revoked');
    for (const absent of ['leaseId', 'unconfirmedAt', 'inDoubtSince']) {
      expect(await system.stored()).not.toHaveProperty(absent);
    }
  });

  it('that loses the successor turns the reason into rotation_lost, and says since when', async () => {
    const { server, helper, clock } = system;
    server.script(answerLost);
    const lost = { code: 'reconnect_required', reason: 'rotation_lost' };
    await expect(helper.appeal(ACCOUNT)).rejects.toMatchObject(lost);
    expect(server.redemptions).toHaveLength(2);
    expect(await system.status()).toBe('reconnect_required/rotation_lost');
    expect(await system.stored()).toHaveProperty('unconfirmedAt', clock.now());
    expect(await system.stored()).not.toHaveProperty('leaseId');

    clock.advance(24 * FIRST_APPEAL + PROBE_EVERY);
    await expect(helper.appeal(ACCOUNT)).rejects.toMatchObject(lost);
    expect(await system.status()).toBe('reconnect_required/rotation_lost');
  });

  it('that is refused after a takeover marks the takeover', async () => {
    const { server, helper, clock, db } = system;
    await db.set(ACCOUNT, { leaseId: 'dead', leaseExpiresAt: clock.now() - 1 });
    server.revoke();
    await expect(helper.appeal(ACCOUNT)).rejects.toMatchObject({ reason: 'rotation_lost' });
    expect(await system.status()).toBe('reconnect_required/rotation_lost');
    expect(await system.stored()).toHaveProperty('inDoubtSince', clock.now());
  });

  it('is not in doubt when somebody else restores the connection, though with the same refresh token', async () => {
    const { server, helper, db } = system;
    server.script(async () => {
      await db.set(ACCOUNT, { status: 'active', leaseId: 'theirs' });
      return { outcome: 'client_rejected' };
    });
    await helper.appeal(ACCOUNT);
    expect(await system.stored()).toMatchObject({ status: 'active', leaseId: 'theirs' });
  });
});

describe('the reason after a refused appeal', () => {
  const none = { abandoned: false, unanswered: false };
  it.each([
    ['stays revoked', 'revoked', {}, none, 'revoked'],
    ['stays rotation_lost', 'rotation_lost', {}, none, 'rotation_lost'],
    [
      'is rotation_lost after a takeover',
      'revoked',
      {},
      { ...none, abandoned: true },
      'rotation_lost',
    ],
    [
      'is rotation_lost after a lost answer',
      'revoked',
      {},
      { ...none, unanswered: true },
      'rotation_lost',
    ],
    [
      'is rotation_lost after an earlier lost answer',
      'revoked',
      { unconfirmedAt: 1 },
      none,
      'rotation_lost',
    ],
  ])('%s', (_, statusReason, marks, evidence, expected) => {
    const lapsed = { status: 'reconnect_required', statusReason, ...marks } as never;
    expect(reasonAfterAppeal(lapsed, evidence)).toBe(expected);
  });
});
