import { beforeEach, describe, expect, it } from 'vitest';
import { GRACE, LEASE, STORE } from '../../../shared/tokens/budgets.ts';
import { decodeRotation, saveRotation } from '../../../shared/tokens/escrow.ts';
import { type Sealed, unseal } from '../../../shared/tokens/sealing.ts';
import { ACCOUNT, tokenSystem } from '../../support/token-system.ts';

describe('a rotation that the table refuses', () => {
  let system: Awaited<ReturnType<typeof tokenSystem>>;
  beforeEach(async () => {
    system = await tokenSystem();
    await system.connect();
    system.expireAccessToken();
    system.server.script((carryOut) => {
      system.db.outage(true);
      return carryOut();
    });
  });

  const leaveEscrow = (encoded = system.escrowed[0] ?? '') =>
    saveRotation(system.db.table, decodeRotation(encoded));

  it('goes into escrow when the budget of STORE is used up, and the caller gets its token', async () => {
    const { helper, clock, escrowed, metrics } = system;
    const started = clock.now();
    const token = await helper.getAccessToken(ACCOUNT);
    expect(clock.now() - started).toBeGreaterThan(STORE - 1_000);
    expect(clock.now() - started).toBeLessThanOrEqual(STORE);
    expect(escrowed).toHaveLength(1);
    expect(metrics).toContain('RotationEscrowed');
    expect(metrics).not.toContain('RefreshSucceeded');
    expect(await helper.getAccessToken(ACCOUNT)).toEqual(token);
  });

  it('is stored from there, once the table takes it, as STORE would have', async () => {
    const { helper, db } = system;
    const token = await helper.getAccessToken(ACCOUNT);
    await expect(leaveEscrow()).rejects.toThrow();
    db.outage(false);
    expect(await leaveEscrow()).toBe('stored');
    expect(await leaveEscrow()).toBe('stored');
    const stored = await system.stored();
    expect(stored).toMatchObject({ rotation: 1, accessTokenExpiresAt: token.expiresAt });
    expect(stored).not.toHaveProperty('leaseId');
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('is recognised as stored when the reply of its write was lost', async () => {
    await system.helper.getAccessToken(ACCOUNT);
    system.db.outage(false);
    system.db.fail('UpdateItem', 'lost');
    expect(await leaveEscrow()).toBe('stored');
  });

  it('leaves those who find the old token refused in doubt, and heals the verdict if it comes later', async () => {
    const { helper, startProcess, db, clock } = system;
    await helper.getAccessToken(ACCOUNT);
    db.outage(false);
    clock.advance(LEASE + 1);
    await expect(startProcess().getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
    clock.advance(GRACE);
    await expect(startProcess().getAccessToken(ACCOUNT)).rejects.toMatchObject({
      reason: 'rotation_lost',
    });
    expect(await leaveEscrow()).toBe('stored');
    expect(await system.status()).toBe('active');
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it('gives way to a new grant, and revives no connection that was deleted', async () => {
    const { helper, db } = system;
    await helper.getAccessToken(ACCOUNT);
    db.outage(false);
    await system.connect();
    const granted = await system.stored();
    expect(await leaveEscrow()).toBe('superseded');
    expect(await system.stored()).toEqual(granted);
    await db.delete(ACCOUNT);
    expect(await leaveEscrow()).toBe('superseded');
    expect(await system.stored()).toBeUndefined();
  });

  it('is in escrow sealed, under the same key', async () => {
    const { helper, escrowed, keys, server } = system;
    const { accessToken } = await helper.getAccessToken(ACCOUNT);
    const text = Buffer.from(escrowed[0] ?? '', 'base64url').toString();
    expect(text).not.toContain(accessToken);
    const { successor } = decodeRotation(escrowed[0] ?? '');
    expect(
      await unseal(keys, successor.accessToken as Sealed<'accessToken'>, ACCOUNT, 'accessToken'),
    ).toBe(accessToken);
    const refreshToken = await unseal(keys, successor.refreshToken, ACCOUNT, 'refreshToken');
    expect(server.isLive(refreshToken)).toBe(true);
  });

  it('is written down as the last resort when the escrow refuses it, too', async () => {
    const { helper, db, escrow, lastResorts, metrics } = system;
    escrow.refuses = true;
    await helper.getAccessToken(ACCOUNT);
    expect(metrics).toContain('StoreFailed');
    expect(lastResorts).toEqual([expect.stringMatching(/^[\w-]+$/)]);
    db.outage(false);
    expect(await leaveEscrow(lastResorts[0])).toBe('stored');
    expect(await system.storedTokenIsLive()).toBe(true);
  });

  it.each(['*AAAA', 'AAAA*'])('is not read from one with %j for a token', async (token) => {
    const { helper, escrowed } = system;
    await helper.getAccessToken(ACCOUNT);
    const fields = JSON.parse(Buffer.from(escrowed[0] ?? '', 'base64url').toString());
    const text = JSON.stringify({ ...fields, accessToken: token });
    expect(() => decodeRotation(Buffer.from(text).toString('base64url'))).toThrow();
  });

  it.each(['', 'x', 'e30', Buffer.from('{"accountId":"a"}').toString('base64url')])(
    'is not read from %j',
    (text) => {
      expect(() => decodeRotation(text)).toThrow();
    },
  );
});
