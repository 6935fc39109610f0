import { type BrowserBinding, STATE_LIFETIME_S } from './state.ts';

/*
 * `__Host-` keeps subdomains and plain HTTP from setting the cookie (RFC 6265bis, section 4.1.3.2).
 * Browsers refuse the prefix over plain HTTP, which only the system on one machine uses.
 */
export const cookieAttributes = (secure: boolean): string =>
  `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
export const cookieName = (name: string, secure: boolean): string =>
  `${secure ? '__Host-' : ''}connect-${name}`;

/** `Set-Cookie` that ties an authorization to this browser. */
export const setBinding = ({ id, nonce }: BrowserBinding, secure: boolean): string =>
  `${cookieName(id, secure)}=${nonce}; Max-Age=${STATE_LIFETIME_S}; ${cookieAttributes(secure)}`;

/** `Set-Cookie` that ends it. */
export const endBinding = (id: string, secure: boolean): string =>
  `${cookieName(id, secure)}=; Max-Age=0; ${cookieAttributes(secure)}`;

/** Finds the nonce among the request's cookies, each `name=value`. */
export function readBinding(
  cookies: readonly string[] | undefined,
  id: string,
  secure: boolean,
): string | undefined {
  const prefix = `${cookieName(id, secure)}=`;
  return cookies?.find((cookie) => cookie.startsWith(prefix))?.slice(prefix.length);
}
