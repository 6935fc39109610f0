import { errors, jwtVerify, SignJWT } from 'jose';
import { type Clock, plus, toSeconds } from '../runtime/clock.ts';
import { deriveKey } from '../runtime/derive-key.ts';
import type { SigningKeys } from './signing-keys.ts';

/* What we sign for ourselves, with HMAC: each purpose has a key of its own, so that a link is no state. */

export type Purpose = 'state' | 'connect-link';

/** A signed text good for `lifetimeSeconds`. Rejects if the key cannot be read. */
export async function sign(
  keys: SigningKeys,
  clock: Clock,
  purpose: Purpose,
  claims: Record<string, unknown>,
  lifetimeSeconds: number,
): Promise<string> {
  const key = await keys.toSign();
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', kid: key.id })
    .setExpirationTime(plus(toSeconds(clock.now()), lifetimeSeconds))
    .sign(deriveKey(key.secret, purpose));
}

/** The claims of what we signed; `undefined` if it is not ours or has expired. Rejects if the key cannot be read. */
export async function verify(
  keys: SigningKeys,
  clock: Clock,
  purpose: Purpose,
  signed: string,
): Promise<Record<string, unknown> | undefined> {
  try {
    const { payload } = await jwtVerify(
      signed,
      async ({ kid }) => {
        const key = await keys.find(kid);
        if (!key) throw new errors.JWKSNoMatchingKey();
        return deriveKey(key.secret, purpose);
      },
      { algorithms: ['HS256'], currentDate: new Date(clock.now()), requiredClaims: ['exp'] },
    );
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}
