import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type JWK, SignJWT } from 'jose';
import { type Clock, plus, toSeconds } from '../runtime/clock.ts';
import { deriveKey, type KeyRing, type RootKey } from '../tokens/sealing.ts';

/*
 * A browser that comes from a connect which started in Jobber's marketplace brings the owner's backend a claim: which
 * account it has just connected. Signed with Ed25519, so that whoever verifies it needs no secret of ours.
 */

const CLAIM_LIFETIME_S = 5 * 60;
/** How a PKCS #8 private key of Ed25519 begins (RFC 8410, section 7); the 32 bytes of the seed follow. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Where to send the browser on to: `postConnectUrl` with the claim as its parameter `connection`. */
export async function postConnectUrl(
  keys: KeyRing,
  clock: Clock,
  connected: { accountId: string; issuer: string; url: string },
): Promise<string> {
  const key = await keys.current();
  const target = new URL(connected.url);
  const claim = await new SignJWT()
    .setProtectedHeader({ alg: 'EdDSA', kid: key.id })
    .setIssuer(connected.issuer)
    .setAudience(target.origin)
    .setSubject(connected.accountId)
    .setExpirationTime(plus(toSeconds(clock.now()), CLAIM_LIFETIME_S))
    .sign(privateKey(key));
  target.searchParams.set('connection', claim);
  return target.href;
}

/** The public keys of claims that may still be valid. */
export async function claimKeys(
  keys: KeyRing & { previous(): Promise<RootKey | undefined> },
): Promise<JWK[]> {
  const versions = [await keys.current(), await keys.previous()];
  return versions
    .filter((key) => key !== undefined)
    .map((key) => ({
      ...(createPublicKey(privateKey(key)).export({ format: 'jwk' }) as JWK),
      kid: key.id,
      alg: 'EdDSA',
      use: 'sig',
    }));
}

function privateKey(key: RootKey): KeyObject {
  const seed = deriveKey(key, 'connect-claim').export();
  return createPrivateKey({
    key: Buffer.concat([PKCS8_ED25519, seed]),
    format: 'der',
    type: 'pkcs8',
  });
}
