import { type BrowserBinding, STATE_LIFETIME_S } from '../jobber/authorization.ts';

/*
 * `__Host-` keeps subdomains and plain HTTP from setting the cookie (RFC 6265bis, section 4.1.3.2).
 * Browsers refuse the prefix over plain HTTP, which only the system on one machine uses.
 */
const attributes = (secure: boolean) => `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
const nameOf = (id: string, secure: boolean) => `${secure ? '__Host-' : ''}connect-${id}`;

/** `Set-Cookie` that ties an authorization to this browser. */
export const setBinding = ({ id, nonce }: BrowserBinding, secure: boolean): string =>
  `${nameOf(id, secure)}=${nonce}; Max-Age=${STATE_LIFETIME_S}; ${attributes(secure)}`;

/** `Set-Cookie` that ends it. */
export const endBinding = (id: string, secure: boolean): string =>
  `${nameOf(id, secure)}=; Max-Age=0; ${attributes(secure)}`;

/** Finds the nonce among the request's cookies, each `name=value`. */
export function readBinding(
  cookies: readonly string[] | undefined,
  id: string,
  secure: boolean,
): string | undefined {
  const prefix = `${nameOf(id, secure)}=`;
  return cookies?.find((cookie) => cookie.startsWith(prefix))?.slice(prefix.length);
}
