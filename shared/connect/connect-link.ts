import { randomUUID } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import { sign, verify } from './signed.ts';
import type { SigningKeys } from './signing-keys.ts';

/** What the owner's app wants to find again after the connect. */
export interface LinkPurpose {
  /** The owner's own id for the customer who connects. */
  readonly ref?: string | undefined;
  /** Where the result page leads on to. */
  readonly returnTo?: string | undefined;
  /** The only account that may be connected, over whatever connection it has. */
  readonly accountId?: string | undefined;
}

/** A link of the owner's app that starts a connect. */
export interface ConnectLink extends LinkPurpose {
  /** One link connects one account: see `link-uses.ts`. */
  readonly id: string;
}

export const CONNECT_LINK_LIFETIME_S = 15 * 60;

/** Signs what a connect link carries. Rejects if the key cannot be read. */
export function signConnectLink(
  keys: SigningKeys,
  clock: Clock,
  { ref, returnTo, accountId }: LinkPurpose,
  lifetimeSeconds = CONNECT_LINK_LIFETIME_S,
): Promise<string> {
  const claims = { jti: randomUUID(), ref, returnTo, accountId };
  return sign(keys, clock, 'connect-link', claims, lifetimeSeconds);
}

/** The connect link that was signed, `undefined` if it is not ours or has expired. Rejects if the key cannot be read. */
export async function verifyConnectLink(
  keys: SigningKeys,
  clock: Clock,
  signed: string,
): Promise<ConnectLink | undefined> {
  const { jti, ...rest } = (await verify(keys, clock, 'connect-link', signed)) ?? {};
  return typeof jti === 'string' ? readLink({ ...rest, id: jti }) : undefined;
}

/** What a signed text of ours says of a link. */
export function readLink({ id, ref, returnTo, accountId }: Record<string, unknown>): ConnectLink {
  return {
    id: String(id),
    ...(typeof ref === 'string' && { ref }),
    ...(typeof returnTo === 'string' && { returnTo }),
    ...(typeof accountId === 'string' && { accountId }),
  };
}

/** Whether a URL is of an origin that the owner allows: the result page is no open redirector (RFC 9700, section 4.11). */
export function mayReturnTo(returnTo: string, origins: readonly string[]): boolean {
  const url = URL.parse(returnTo);
  // A `blob:` URL has the origin of the page that made it.
  return url !== null && /^https?:$/.test(url.protocol) && origins.includes(url.origin);
}
