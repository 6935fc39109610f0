import { beforeEach, describe, expect, it } from 'vitest';
import { sameSealed } from '../../../shared/tokens/same-sealed.ts';
import { seal, UnsealableError, unseal } from '../../../shared/tokens/sealing.ts';
import { ACCOUNT, rootKey, testKeys, tokenSystem } from '../../support/token-system.ts';

describe('a sealed token', () => {
  const keys = testKeys();
  const [key] = keys.versions as [ReturnType<typeof rootKey>];

  it('opens where it belongs', async () => {
    const sealed = seal(key, 'a token', ACCOUNT, 'accessToken');
    expect(await unseal(keys, sealed, ACCOUNT, 'accessToken')).toBe('a token');
    expect(Buffer.from(sealed).includes('a token')).toBe(false);
  });

  it('does not open in another connection, nor in another attribute', async () => {
    const sealed = seal(key, 'a token', ACCOUNT, 'accessToken');
    await expect(unseal(keys, sealed, 'another', 'accessToken')).rejects.toThrow('does not belong');
    await expect(unseal(keys, sealed as never, ACCOUNT, 'refreshToken')).rejects.toThrow(
      'does not belong',
    );
  });

  it('does not open when any byte was altered or cut off', async () => {
    const sealed = seal(key, 'a token', ACCOUNT, 'accessToken');
    for (let index = 0; index < sealed.length; index++) {
      const altered = Buffer.from(sealed);
      altered.writeUInt8(altered.readUInt8(index) ^ 1, index);
      await expect(unseal(keys, altered as never, ACCOUNT, 'accessToken')).rejects.toThrow();
      const cut = Buffer.from(sealed.slice(0, index));
      await expect(unseal(keys, cut as never, ACCOUNT, 'accessToken')).rejects.toThrow(
        UnsealableError,
      );
    }
  });

  it('tells what is wrong with it: cut off, without its key, or altered', async () => {
    const sealed = Buffer.from(seal(key, '', ACCOUNT, 'accessToken'));
    const opening = (bytes: Uint8Array) => unseal(keys, bytes as never, ACCOUNT, 'accessToken');
    expect(await opening(sealed)).toBe('');
    await expect(opening(sealed.subarray(0, -1))).rejects.toThrow('unknown format');
    await expect(opening(Buffer.from([3, ...sealed.subarray(1)]))).rejects.toThrow(
      'unknown format',
    );
    const other = seal(rootKey('gone'), 'a token', ACCOUNT, 'accessToken');
    await expect(opening(other)).rejects.toThrow('no longer exists');
    await expect(opening(Buffer.concat([sealed, Buffer.alloc(1)]))).rejects.toMatchObject({
      name: 'UnsealableError',
      message: expect.stringContaining('altered'),
      cause: expect.any(Error),
    });
  });

  it('opens though an earlier version of this code sealed it', async () => {
    const sealed = Buffer.from(
      'ARAAAAAAAABAAIAAAAAAAAAB6V7MXH0fd--gEA-WMWQ6F5ieQTyxOtSWDjRkUBV1TPBOioA',
      'base64url',
    );
    expect(await unseal(testKeys(), sealed as never, ACCOUNT, 'accessToken')).toBe('a token');
  });

  it('differs every time, and costs 46 bytes under a version id of Secrets Manager', () => {
    const sealed = seal(key, 'a token', ACCOUNT, 'accessToken');
    expect(sealed).not.toEqual(seal(key, 'a token', ACCOUNT, 'accessToken'));
    expect(sealed.length).toBe('a token'.length + 46);
  });

  it('takes key ids that are no UUID as they are', async () => {
    const uuid = '00000000-0000-4000-8000-000000000001';
    for (const id of ['EXAMPLE1-90ab-cdef-fedc-ba987SECRET1', `0${uuid}`, `${uuid}0`]) {
      const named = rootKey(id);
      keys.versions.push(named);
      const sealed = seal(named, 'a token', ACCOUNT, 'accessToken');
      expect(await unseal(keys, sealed, ACCOUNT, 'accessToken')).toBe('a token');
    }
  });
});

describe('two sealed values', () => {
  it('are the same only if both are there', () => {
    const bytes = Buffer.from('sealed');
    expect(sameSealed(bytes, Buffer.from('sealed'))).toBe(true);
    expect(sameSealed(bytes, Buffer.from('other'))).toBe(false);
    expect(sameSealed(bytes, undefined)).toBe(false);
    expect(sameSealed(undefined, bytes)).toBe(false);
    expect(sameSealed(undefined, undefined)).toBe(false);
  });
});

describe('the sealing key', () => {
  let system: Awaited<ReturnType<typeof tokenSystem>>;
  beforeEach(async () => {
    system = await tokenSystem();
    await system.connect();
  });

  it.each(['refused', 'same-token'] as const)(
    'can be rotated: old values open, the next are sealed with the new key (%s)',
    async (reuse) => {
      const { keys, startProcess, server } = system;
      server.reuse = reuse;
      keys.versions.push(rootKey('00000000-0000-4000-8000-000000000002'));
      await startProcess().getAccessToken(ACCOUNT);
      system.expireAccessToken();
      await startProcess().getAccessToken(ACCOUNT);
      keys.versions.shift();
      await startProcess().getAccessToken(ACCOUNT);
      expect(await system.storedTokenIsLive()).toBe(true);
    },
  );

  it('once destroyed means reconnect, but is not written down, so that bringing it back heals', async () => {
    const { keys, startProcess, server } = system;
    const [lost] = keys.versions;
    keys.versions = [rootKey('00000000-0000-4000-8000-000000000002')];
    const unreadable = {
      code: 'reconnect_required',
      reason: 'unreadable',
      cause: expect.any(UnsealableError),
    };
    system.db.calls.length = 0;
    await expect(startProcess().getAccessToken(ACCOUNT)).rejects.toMatchObject(unreadable);
    expect(system.db.calls).toEqual(['GetItem']);
    system.expireAccessToken();
    await expect(
      startProcess().refreshIfDue(ACCOUNT, { minValiditySeconds: 900 }),
    ).rejects.toMatchObject(unreadable);
    expect(server.redemptions).toEqual([]);
    expect(system.metrics).toEqual(['ReconnectRequired', 'ReconnectRequired']);
    expect(await system.status()).toBe('active');
    expect(await system.stored()).not.toHaveProperty('leaseId');
    expect(await system.stored()).not.toHaveProperty('unconfirmedAt');

    if (lost) keys.versions.unshift(lost);
    await startProcess().getAccessToken(ACCOUNT);
    expect(await system.stored()).toMatchObject({ rotation: 1 });
  });

  it('that cannot be read is found out before a token is spent', async () => {
    const { keys, startProcess, server, db } = system;
    system.expireAccessToken();
    keys.unreadable = true;
    db.calls.length = 0;
    await expect(
      startProcess().refreshIfDue(ACCOUNT, { minValiditySeconds: 900 }),
    ).rejects.toMatchObject({ code: 'secrets_unavailable', retryable: true });
    expect(db.calls).toEqual([]);
    expect(server.redemptions).toEqual([]);
  });

  it('of an older token, too, in which case it is not held responsible', async () => {
    const { keys, startProcess, server } = system;
    system.expireAccessToken();
    keys.find = () => Promise.reject(new Error('AccessDeniedException'));
    await expect(
      startProcess().refreshIfDue(ACCOUNT, { minValiditySeconds: 900 }),
    ).rejects.toMatchObject({ code: 'secrets_unavailable', retryable: true });
    expect(server.redemptions).toEqual([]);
    expect(system.metrics).toEqual([]);
    expect(await system.stored()).not.toHaveProperty('leaseId');
  });

  it('and a client secret that cannot be read is, too', async () => {
    const { startProcess, server } = system;
    system.expireAccessToken();
    server.prepareFails = true;
    await expect(startProcess().getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'secrets_unavailable',
    });
    expect(server.redemptions).toEqual([]);
    expect(await system.stored()).not.toHaveProperty('leaseId');
  });
});
