import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import { type ConnectLink, readLink } from './connect-link.ts';
import { sign, verify } from './signed.ts';
import type { SigningKeys } from './signing-keys.ts';

/** What an authorization is for. */
export interface Intent {
  /** `manage`: somebody pressed *Manage App* in Jobber, and wants to be known to the owner's app. */
  readonly purpose: 'connect' | 'manage';
  /** The link of the owner's app that it began with; without one, nobody but the browser's user asked for it. */
  readonly link?: ConnectLink;
  /** The app that Jobber was asked to authorize. */
  readonly clientId: string;
}

export const STATE_LIFETIME_S = 10 * 60;

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
  keys: SigningKeys,
  clock: Clock,
  intent: Intent,
): Promise<{ state: string; binding: BrowserBinding }> {
  const nonce = randomBytes(24).toString('base64url');
  const binding = { id: bindingId(nonce), nonce };
  const claims = { ...intent, nonce: binding.id };
  return { state: await sign(keys, clock, 'state', claims, STATE_LIFETIME_S), binding };
}

/**
 * The intent of an authorization if the state is ours, unexpired, and from the browser that holds the
 * cookie; otherwise `undefined`. Rejects if the key cannot be read.
 */
export async function verifyState(
  keys: SigningKeys,
  clock: Clock,
  state: string,
  cookieOf: (id: string) => string | undefined,
): Promise<(Intent & { bindingId: string }) | undefined> {
  const claims = await verify(keys, clock, 'state', state);
  const id = claims?.['nonce'];
  if (!claims || typeof id !== 'string') return undefined;
  const nonce = cookieOf(id);
  return nonce !== undefined && bindingId(nonce) === id
    ? { ...readIntent(claims), bindingId: id }
    : undefined;
}

const bindingId = (nonce: string) => createHash('sha256').update(nonce).digest('base64url');

/** Nobody but us signs a state. */
function readIntent({ purpose, link, clientId }: Record<string, unknown>): Intent {
  return {
    purpose: purpose === 'manage' ? 'manage' : 'connect',
    ...(link !== undefined && { link: readLink(link as Record<string, unknown>) }),
    clientId: String(clientId),
  };
}
