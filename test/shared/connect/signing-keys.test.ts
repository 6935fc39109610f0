import { createLocalJWKSet, jwtVerify } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { claimKeys, withClaim } from '../../../shared/connect/claim.ts';
import { signConnectLink, verifyConnectLink } from '../../../shared/connect/connect-link.ts';
import { sign } from '../../../shared/connect/signed.ts';
import { type SigningKeys, signingKeys } from '../../../shared/connect/signing-keys.ts';
import { type EpochMs, plus } from '../../../shared/runtime/clock.ts';
import type { SecretVersion } from '../../../shared/runtime/secrets.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

const MINUTE = 60_000;

let clock: FakeClock;
let versions: SecretVersion[];
let keys: SigningKeys;
let reads: number;
beforeEach(() => {
  clock = fakeClock(Date.UTC(2026, 0, 15));
  versions = [];
  reads = 0;
  replace('first');
  clock.advance(60 * MINUTE);
  keys = signingKeys(
    {
      async current() {
        reads++;
        return versions.at(-1) as SecretVersion;
      },
      async previous(withinMs) {
        const { createdAt } = versions.at(-1) as SecretVersion;
        return plus(createdAt, withinMs) < clock.now() ? undefined : versions.at(-2);
      },
    },
    clock,
  );
});

function replace(id: string): void {
  versions.push({ id, value: id.padEnd(32, '.'), createdAt: clock.now() as EpochMs });
}
const linkOf = (signed: string) => verifyConnectLink(keys, clock, signed);
const kidOf = (jwt: string) =>
  JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()).kid;

describe('what was signed before the signing secret was replaced', () => {
  it('counts for as long as a link lives', async () => {
    const link = await signConnectLink(keys, clock, { ref: 'tenant-7' });
    replace('second');
    clock.advance(15 * MINUTE - 1_000);
    expect(await linkOf(link)).toMatchObject({ ref: 'tenant-7' });
  });

  it('counts no more after 20 minutes, however long it was signed for', async () => {
    const link = await signConnectLink(keys, clock, {}, 24 * 60 * 60);
    replace('second');
    clock.advance(20 * MINUTE + 1);
    expect(await linkOf(link)).toBeUndefined();
  });

  it('counts no more after a second replacement, as after a leak', async () => {
    const link = await signConnectLink(keys, clock, {});
    replace('second');
    replace('third');
    expect(await linkOf(link)).toBeUndefined();
  });

  it('counts for claims, too, by the public keys', async () => {
    const to = { url: 'https://app.example/', issuer: 'https://connect.example' };
    const url = await withClaim(keys, clock, to, {
      purpose: 'connect',
      accountId: 'x',
      accountName: '',
      isConnector: true,
    });
    const claim = new URL(url).searchParams.get('connection') ?? '';
    const verify = async () =>
      jwtVerify(claim, createLocalJWKSet({ keys: await claimKeys(keys) }), {
        currentDate: new Date(clock.now()),
      });
    replace('second');
    expect((await verify()).payload.sub).toBe('x');
    replace('third');
    await expect(verify()).rejects.toThrow();
  });
});

describe('a new version of the signing secret', () => {
  it('signs nothing until every process knows it', async () => {
    replace('second');
    clock.advance(5 * MINUTE - 1);
    expect(kidOf(await signConnectLink(keys, clock, {}))).toBe('first');
    clock.advance(1);
    expect(kidOf(await signConnectLink(keys, clock, {}))).toBe('second');
  });
});

describe('a key id that is not known', () => {
  it.each(['unknown', ['first'], { id: 'first' }, 7, undefined])(
    'such as %j is refused without a question to Secrets Manager',
    async (kid) => {
      const [, payload, signature] = (await signConnectLink(keys, clock, {})).split('.');
      const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid })).toString('base64url');
      reads = 0;
      expect(await linkOf([header, payload, signature].join('.'))).toBeUndefined();
      expect(reads).toBeLessThanOrEqual(1);
    },
  );
});

describe('what is signed for one purpose', () => {
  it('is nothing for another', async () => {
    const state = await sign(keys, clock, 'state', { jti: 'x' }, 60);
    expect(await linkOf(state)).toBeUndefined();
  });
});
