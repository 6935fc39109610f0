import { cookieAttributes, cookieName } from './browser-binding-cookie.ts';

/* Marks a browser that was sent through Jobber once more. If it comes back without a state again, it is not sent a third time. */

const LIFETIME_S = 60;
const nameOf = (secure: boolean) => cookieName('again', secure);

export const setAgain = (secure: boolean): string =>
  `${nameOf(secure)}=1; Max-Age=${LIFETIME_S}; ${cookieAttributes(secure)}`;

export const endAgain = (secure: boolean): string =>
  `${nameOf(secure)}=; Max-Age=0; ${cookieAttributes(secure)}`;

export const hasAgain = (cookies: readonly string[] | undefined, secure: boolean): boolean =>
  cookies?.includes(`${nameOf(secure)}=1`) ?? false;
