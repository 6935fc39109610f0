import { generateKeyPairSync } from 'node:crypto';
import { decodeJwt, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { browser } from '../../local/browser.ts';
import { verifyConnectClaim } from '../../shared/client/connect-claim.ts';
import type { ConnectLinkResponse } from '../../shared/client/contract.ts';
import { idOf, MAPLE, NORTHWIND, type TestSystem, testSystem } from '../support/local-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
beforeEach(() => system.simulator.reset());
afterEach(() => {
  delete process.env['POST_CONNECT_URL'];
});

const create = (request: unknown) =>
  system.invoke('create-connect-link', request) as Promise<ConnectLinkResponse>;
const created = async (request: unknown) => {
  const answer = await create(request);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer;
};

/** Where a page leads on to. */
function claimOn(page: string): URL {
  const [, href = ''] = /href="([^"]+)"/.exec(page) ?? [];
  return new URL(href.replaceAll('&amp;', '&'));
}

describe('a connect link', () => {
  it('carries the owner’s ref into the connection, and leads back', async () => {
    const { url, expiresAt } = await created({ ref: 'tenant-7', returnTo: `${system.url}/done` });
    expect(expiresAt - Date.now() / 1000).toBeGreaterThan(14 * 60);
    expect(expiresAt - Date.now() / 1000).toBeLessThanOrEqual(15 * 60);
    const page = await browser().connect(url, MAPLE);
    const claim = claimOn(page).searchParams.get('connection') ?? '';
    const options = { issuer: system.url, audience: system.url };
    expect(await verifyConnectClaim(claim, options)).toMatchObject({
      accountId: idOf(MAPLE),
      ref: 'tenant-7',
    });
    expect(await system.item(idOf(MAPLE))).toMatchObject({ ref: 'tenant-7', status: 'active' });
  });

  it('ties each authorization that starts from it to one browser', async () => {
    const before = await system.item(idOf(MAPLE));
    const { url } = await created({ ref: 'tenant-7' });
    const callback = await browser().decide(url, MAPLE);
    const other = await browser().get(callback);
    expect(other.status).toBe(400);
    expect(await system.item(idOf(MAPLE))).toEqual(before);
  });

  it('connects one account, in whatever browsers it is opened', async () => {
    await system.remove(idOf(NORTHWIND));
    const { url } = await created({ ref: 'tenant-8' });
    expect(await browser().connect(url, MAPLE)).toContain('Jobber is connected');
    expect(await browser().connect(url, NORTHWIND)).toContain('for another account');
    expect(await system.item(idOf(NORTHWIND))).toBeUndefined();
    expect(await browser().connect(url, MAPLE)).toContain('Jobber is connected');
  });

  it('may carry nothing', async () => {
    const { url } = await created({});
    expect(await browser().connect(url, MAPLE)).toContain('Jobber is connected');
  });

  it.each([
    ['another origin', { returnTo: 'https://evil.example/' }, 'returnTo: its origin'],
    ['no origin', { returnTo: 'javascript:alert(1)' }, 'returnTo: its origin'],
    ['a blob', { returnTo: 'blob:http://localhost/0' }, 'returnTo: its origin'],
    ['an endless ref', { ref: 'x'.repeat(65) }, 'ref: '],
    ['something unknown', { lifetime: 1e9 }, 'lifetime'],
    ['nothing', null, 'expected'],
  ])('to %s is not made', async (_, request, message) => {
    expect(await create(request)).toEqual({
      ok: false,
      error: {
        code: 'invalid_request',
        message: expect.stringContaining(message),
        retryable: false,
      },
    });
  });
});

describe('a connect that starts in Jobber’s marketplace', () => {
  const audience = 'https://app.example';

  const fromMarketplace = () => system.connectFromMarketplace(MAPLE);
  const verify = (claim: string) => verifyConnectClaim(claim, { issuer: system.url, audience });

  it('leads on with a claim of the account, which the owner’s backend verifies', async () => {
    process.env['POST_CONNECT_URL'] = `${audience}/jobber?from=jobber`;
    const target = claimOn(await fromMarketplace());
    expect(`${target.origin}${target.pathname}`).toBe(`${audience}/jobber`);
    expect(target.searchParams.get('from')).toBe('jobber');
    const claim = target.searchParams.get('connection') ?? '';
    const { exp: expiresAt = 0, iat = 0, jti: id } = decodeJwt(claim);
    expect(await verify(claim)).toEqual({
      id,
      accountId: idOf(MAPLE),
      accountName: 'Maple Street Plumbing',
      userId: '1077988',
      userName: 'First admin',
      isConnector: true,
      ref: undefined,
      expiresAt,
    });
    expect(id).toMatch(/^[\w-]{36}$/);
    expect(expiresAt - iat).toBe(5 * 60);
    expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(5);
  });

  it('leads nowhere unless the owner says where', async () => {
    expect(await fromMarketplace()).not.toContain('<a ');
  });

  it('is the only one with a claim: a connect link leads where it says', async () => {
    process.env['POST_CONNECT_URL'] = `${audience}/jobber`;
    const { url } = await created({ ref: 'tenant-7' });
    expect(await browser().connect(url, MAPLE)).not.toContain('<a ');
  });

  it('claims nothing that is forged, expired, or for somebody else', async () => {
    process.env['POST_CONNECT_URL'] = `${audience}/jobber`;
    const claim = claimOn(await fromMarketplace()).searchParams.get('connection') ?? '';
    const [header = '', , signature = ''] = claim.split('.');
    const other = Buffer.from(JSON.stringify({ ...decodeJwt(claim), sub: 'x' }));
    const { privateKey } = generateKeyPairSync('ed25519');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString());
    const typ = 'jobber-connect+jwt';
    const sign = (key: Parameters<SignJWT['sign']>[0], alg: string, id = kid) =>
      new SignJWT(decodeJwt(claim)).setProtectedHeader({ alg, typ, kid: id }).sign(key);
    const forged = [
      '',
      'x',
      `${header}.${other.toString('base64url')}.${signature}`,
      await sign(privateKey, 'EdDSA'),
      await sign(privateKey, 'EdDSA', 'unknown'),
      await sign(Buffer.alloc(32), 'HS256'),
    ];
    for (const each of forged) {
      await expect(verify(each)).rejects.toMatchObject({ code: 'invalid_connect_claim' });
    }
    for (const other of [
      { audience: 'https://other.example' },
      { issuer: 'https://other.example/' },
      { purpose: 'sign-in' as const },
    ]) {
      const options = { issuer: system.url, audience, ...other };
      const verified = verifyConnectClaim(claim, options);
      if ('issuer' in other) await expect(verified).rejects.toThrow();
      else await expect(verified).rejects.toMatchObject({ code: 'invalid_connect_claim' });
    }
  });

  it('is verified with keys that hold no secret', async () => {
    process.env['POST_CONNECT_URL'] = `${audience}/jobber`;
    const claim = claimOn(await fromMarketplace()).searchParams.get('connection') ?? '';
    const read = async () => {
      const response = await fetch(`${system.url}/.well-known/jwks.json`);
      expect(response.headers.get('content-type')).toBe('application/jwk-set+json');
      return ((await response.json()) as { keys: Record<string, unknown>[] }).keys;
    };
    const keys = await read();
    expect(keys.map((key) => Object.keys(key).sort())).toEqual([
      ['alg', 'crv', 'kid', 'kty', 'use', 'x'],
    ]);
    expect(await verify(claim)).toMatchObject({ accountId: idOf(MAPLE) });
  });
});
