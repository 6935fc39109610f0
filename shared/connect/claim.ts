import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto';
import { type JWK, SignJWT } from 'jose';
import { type Clock, plus, toSeconds } from '../runtime/clock.ts';
import { deriveKey } from '../runtime/derive-key.ts';
import type { SigningKey, SigningKeys } from './signing-keys.ts';

/*
 * A browser brings the owner's backend a claim: which account it has just connected, or as which user of Jobber it came.
 * Signed with Ed25519, so that the backend verifies it without a secret of ours. `shared/client/connect-claim.ts` reads it.
 */

export interface Claim {
  /** `connect`: the browser has just connected the account. `sign-in`: it came by the button Manage App. */
  readonly purpose: 'connect' | 'sign-in';
  readonly accountId: string;
  readonly accountName: string;
  /** The Jobber user in whose browser it is; absent if Jobber did not say. */
  readonly user?: { readonly id: string; readonly name?: string | undefined } | undefined;
  /** Whether the connection is this user's. */
  readonly isConnector: boolean;
  /** The owner's own id of the customer, from the connect link that this browser followed. */
  readonly ref?: string | undefined;
}

/** The type in the header tells claims apart (RFC 8725, section 3.11). */
const TYPES = { connect: 'jobber-connect+jwt', 'sign-in': 'jobber-sign-in+jwt' } as const;
const CLAIM_LIFETIME_S = 5 * 60;
/** How a PKCS #8 private key of Ed25519 begins (RFC 8410, section 7); the 32 bytes of the seed follow. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** `url` with the claim as its parameter `connection`. Rejects if the signing key cannot be read. */
export async function withClaim(
  keys: SigningKeys,
  clock: Clock,
  { url, issuer }: { readonly url: string; readonly issuer: string },
  { purpose, accountId, accountName, user, isConnector, ref }: Claim,
): Promise<string> {
  const key = await keys.toSign();
  const target = new URL(url);
  const now = toSeconds(clock.now());
  const claim = await new SignJWT({
    account_name: accountName,
    ...(user && { user_id: user.id, user_name: user.name }),
    is_connector: isConnector,
    ...(ref !== undefined && { ref }),
  })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.id, typ: TYPES[purpose] })
    .setIssuer(issuer)
    .setAudience(target.origin)
    .setSubject(accountId)
    .setJti(randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(plus(now, CLAIM_LIFETIME_S))
    .sign(privateKey(key));
  target.searchParams.set('connection', claim);
  return target.href;
}

/** The public keys of claims that may still be valid. Rejects if the signing keys cannot be read. */
export async function claimKeys(keys: SigningKeys): Promise<JWK[]> {
  return (await keys.all()).map((key) => ({
    ...(createPublicKey(privateKey(key)).export({ format: 'jwk' }) as JWK),
    kid: key.id,
    alg: 'EdDSA',
    use: 'sig',
  }));
}

function privateKey(key: SigningKey): KeyObject {
  const seed = deriveKey(key.secret, 'connect-claim').export();
  return createPrivateKey({
    key: Buffer.concat([PKCS8_ED25519, seed]),
    format: 'der',
    type: 'pkcs8',
  });
}
