import { createHash, randomBytes } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { type Clock, plus, toSeconds } from '../runtime/clock.ts';
import { deriveKey, type KeyRing } from '../tokens/sealing.ts';

/** What the owner's app wants to find again after the authorization. */
export interface ConnectIntent {
  /** The owner's own id for the customer who connects. */
  readonly ref?: string | undefined;
  /** Where the result page leads on to. */
  readonly returnTo?: string | undefined;
}

export const STATE_LIFETIME_S = 10 * 60;
export const CONNECT_LINK_LIFETIME_S = 15 * 60;

/** RFC 6749, section 4.1.1; Jobber knows no PKCE and takes the scopes from the app's settings. */
export function authorizeUrl(
  baseUrl: string,
  params: { clientId: string; redirectUri: string; state: string },
): string {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: params.clientId,
    redirect_uri: params.redirectUri,
    state: params.state,
  });
  return `${baseUrl}/api/oauth/authorize?${query}`;
}

/** The name and secret value of the cookie that ties an authorization to one browser. */
export interface BrowserBinding {
  readonly id: string;
  readonly nonce: string;
}

/**
 * Signs a state for a new authorization (RFC 9700, section 4.7.1). Each has a cookie of its own, so that
 * two tabs do not disturb each other, and the callback ends it, so that a state is good once.
 */
export async function signState(
  keys: KeyRing,
  clock: Clock,
  intent: ConnectIntent,
): Promise<{ state: string; binding: BrowserBinding }> {
  const nonce = randomBytes(24).toString('base64url');
  const binding = { id: bindingId(nonce), nonce };
  const state = await sign(
    keys,
    clock,
    'state',
    { ...intent, nonce: binding.id },
    STATE_LIFETIME_S,
  );
  return { state, binding };
}

/**
 * The intent of an authorization if the state is ours, unexpired, and from the browser that holds the
 * cookie; otherwise `undefined`. Rejects if the key cannot be read.
 */
export async function verifyState(
  keys: KeyRing,
  clock: Clock,
  state: string,
  cookieOf: (id: string) => string | undefined,
): Promise<(ConnectIntent & { bindingId: string }) | undefined> {
  const claims = await verify(keys, clock, 'state', state);
  const id = claims?.['nonce'];
  if (typeof id !== 'string') return undefined;
  const nonce = cookieOf(id);
  return nonce !== undefined && bindingId(nonce) === id
    ? { ...intentOf(claims), bindingId: id }
    : undefined;
}

/** The result page leads only where the owner allows it to: it is no open redirector (RFC 9700, section 4.11). */
export const mayReturnTo = (returnTo: string, origins: readonly string[]): boolean =>
  origins.includes(URL.parse(returnTo)?.origin ?? '');

/** Signs what a connect link carries. */
export function signConnectLink(
  keys: KeyRing,
  clock: Clock,
  intent: ConnectIntent,
  lifetimeSeconds = CONNECT_LINK_LIFETIME_S,
): Promise<string> {
  return sign(keys, clock, 'connect-link', { ...intent }, lifetimeSeconds);
}

/** The intent of a connect link, `undefined` if it is not ours or has expired. */
export async function verifyConnectLink(
  keys: KeyRing,
  clock: Clock,
  link: string,
): Promise<ConnectIntent | undefined> {
  const claims = await verify(keys, clock, 'connect-link', link);
  return claims && intentOf(claims);
}

const bindingId = (nonce: string) => createHash('sha256').update(nonce).digest('base64url');

const intentOf = ({ ref, returnTo }: Record<string, unknown> = {}): ConnectIntent => ({
  ref: typeof ref === 'string' ? ref : undefined,
  returnTo: typeof returnTo === 'string' ? returnTo : undefined,
});

async function sign(
  keys: KeyRing,
  clock: Clock,
  purpose: 'state' | 'connect-link',
  claims: Record<string, unknown>,
  lifetimeSeconds: number,
): Promise<string> {
  const key = await keys.current();
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', kid: key.id })
    .setExpirationTime(plus(toSeconds(clock.now()), lifetimeSeconds))
    .sign(deriveKey(key, purpose));
}

async function verify(
  keys: KeyRing,
  clock: Clock,
  purpose: 'state' | 'connect-link',
  jwt: string,
): Promise<Record<string, unknown> | undefined> {
  try {
    const { payload } = await jwtVerify(
      jwt,
      async ({ kid }) => {
        const key = kid && KEY_ID.test(kid) ? await keys.find(kid) : undefined;
        if (!key) throw new errors.JWKSNoMatchingKey();
        return deriveKey(key, purpose);
      },
      { algorithms: ['HS256'], currentDate: new Date(clock.now()), requiredClaims: ['exp'] },
    );
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/** As Secrets Manager's version ids: a forged state cannot ask it for anything else. */
const KEY_ID = /^[\w-]{32,64}$/;
