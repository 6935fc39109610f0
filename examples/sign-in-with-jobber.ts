import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
// In a project of yours: from 'jobber-tokens/connect-claim'.
import { type ConnectClaim, verifyConnectClaim } from '../shared/client/connect-claim.ts';

/**
 * An app without logins of its own: it signs in the user of Jobber who presses *Manage App*. Keep the three maps in your
 * database; here they end with the process.
 */
export function signInWithJobber({ issuer, url }: { issuer: string; url: string }) {
  /** Claims that were accepted, by their id, until they expire. */
  const used = new Map<string, number>();
  /** Claims whose user has not confirmed yet, by their id, each with a secret that this user's browser has alone. */
  const pending = new Map<string, ConnectClaim & { secret: string }>();
  const sessions = new Map<string, ConnectClaim>();
  const isSecure = url.startsWith('https:');
  // Neither a subdomain nor plain HTTP can set a cookie of this name (RFC 6265bis, section 4.1.3.2).
  const prefix = isSecure ? '__Host-app-' : 'app-';

  return createServer((request, response) => {
    answer(request, response).catch(() => page(response, 500, 'Please try again.'));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    switch (`${request.method} ${pathname}`) {
      case 'GET /jobber':
        return ask(searchParams.get('connection') ?? '', response);
      case 'POST /jobber':
        return confirm(searchParams.get('claim') ?? '', request, response);
      case 'GET /':
        return home(request, response);
      default:
        return page(response, 404, 'There is nothing here.');
    }
  }

  /** A page of somebody else's may have sent this browser here with a claim of theirs: name the account, and ask. */
  async function ask(connection: string, response: ServerResponse): Promise<void> {
    const claim = await readOnce(connection);
    if (!claim) return page(response, 400, 'This link was used or has expired.');
    const secret = randomBytes(24).toString('base64url');
    pending.set(claim.id, { ...claim, secret });
    response.setHeader('set-cookie', cookie(`confirm-${claim.id}`, secret, 300));
    page(
      response,
      200,
      `Sign in as ${nameOf(claim)}?</p>
      <form method="post" action="/jobber?claim=${encodeURIComponent(claim.id)}"><button>Sign in</button></form><p>`,
    );
  }

  /** The form names the claim that was shown, and comes from our own page: no other page may confirm it. */
  function confirm(claimId: string, request: IncomingMessage, response: ServerResponse): void {
    const claim = pending.get(claimId);
    const isOurs =
      request.headers.origin === new URL(url).origin &&
      claim?.secret === cookieOf(request, `confirm-${claimId}`);
    if (!claim || !isOurs || isOver(claim)) {
      page(response, 400, 'Please start again from Jobber.');
      return;
    }
    pending.delete(claimId);
    const session = randomBytes(24).toString('base64url');
    sessions.set(session, claim);
    response.writeHead(303, { location: '/', 'set-cookie': cookie('session', session, 8 * 3_600) });
    response.end();
  }

  function home(request: IncomingMessage, response: ServerResponse): void {
    const user = sessions.get(cookieOf(request, 'session'));
    if (user) page(response, 200, `Hello, ${nameOf(user)}.`);
    else page(response, 401, 'Press Manage App in Jobber to sign in.');
  }

  /** @returns undefined for a claim that is not valid, or was brought before */
  async function readOnce(connection: string): Promise<ConnectClaim | undefined> {
    const options = { issuer, audience: new URL(url).origin, purpose: 'sign-in' } as const;
    const claim = await verifyConnectClaim(connection, options).catch((error: Error) => {
      if (error.name !== 'InvalidConnectClaimError') throw error;
      return undefined;
    });
    forgetExpired();
    if (!claim || used.has(claim.id)) return undefined;
    used.set(claim.id, claim.expiresAt);
    return claim;
  }

  function cookieOf({ headers }: IncomingMessage, name: string): string {
    const cookies = (headers.cookie ?? '').split('; ').map((each) => each.split('='));
    return cookies.find(([key]) => key === `${prefix}${name}`)?.[1] ?? '';
  }

  function forgetExpired(): void {
    for (const claim of pending.values()) if (isOver(claim)) pending.delete(claim.id);
    for (const [id, expiresAt] of used) if (isOver({ expiresAt })) used.delete(id);
  }

  function cookie(name: string, value: string, seconds: number): string {
    const sameSite = name === 'session' ? 'Lax' : 'Strict';
    const secure = isSecure ? '; Secure' : '';
    return `${prefix}${name}=${value}; Max-Age=${seconds}; Path=/; HttpOnly; SameSite=${sameSite}${secure}`;
  }
}

const isOver = ({ expiresAt }: Pick<ConnectClaim, 'expiresAt'>) => expiresAt * 1_000 < Date.now();

const nameOf = ({ userName, accountName }: ConnectClaim): string =>
  escaped(`${userName ?? 'a user'} of ${accountName}`);

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** @param content HTML */
function page(response: ServerResponse, status: number, content: string): void {
  response.writeHead(status, {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'content-type': 'text/html; charset=utf-8',
    // The form's request needs an origin, which `no-referrer` would hide.
    'referrer-policy': 'same-origin',
  });
  response.end(`<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>An app</title>
<main><h1>An app</h1><p>${content}</p></main>`);
}
