import { type EpochMs, type EpochSeconds, plus, toSeconds } from '../../shared/runtime/clock.ts';
import type { Revocation } from '../../shared/tokens/disconnect.ts';
import type { Redemption, TokenPair } from '../../shared/tokens/token-endpoint.ts';

/*
 * One account at an authorization server, as a value: each request returns the server as it is afterwards.
 * Tokens tell their grant and their number in it: `R0.2` is the third refresh token of the first grant.
 */

/** How a server treats refresh tokens that were redeemed before. */
export const MODELS = [
  /** A redeemed token is dead at once. */
  'new-app',
  /** A redeemed token still works. */
  'grace',
  /** All tokens work side by side. */
  'legacy',
  /** The refresh token never changes. */
  'rotation-off',
  /** A redeemed token that comes again ends the grant. */
  'reuse-revokes',
  /** Rotates from the second refresh on. */
  'switched-on',
  /** As `new-app`, and each answer comes long after the server committed. */
  'slow',
] as const;
export type Model = (typeof MODELS)[number];

/** How long after its commit the slow server answers: longer than a lease. */
export const ANSWER_AFTER = 45_000;

export type End = 'admin' | 'app' | 'reuse' | 'later grant';

export interface GrantAtServer {
  readonly id: number;
  readonly endedBy?: End;
  readonly issued: number;
  readonly live: string;
  /** Redeemed, and replaced by a successor. */
  readonly used: readonly string[];
}

export interface Server {
  readonly model: Model;
  /** In the order in which they were issued. */
  readonly grants: readonly GrantAtServer[];
  /** When each access token expires. */
  readonly access: Readonly<Record<string, EpochSeconds>>;
}

export const newServer = (model: Model): Server => ({ model, grants: [], access: {} });

export const grantOf = (token: string): number => Number(/^[AR](\d+)\./.exec(token)?.[1] ?? -1);

/** A further authorization. Servers that rotate strictly end the earlier grants, the others let them live. */
export function authorize(server: Server, now: EpochMs): { server: Server; pair: TokenPair } {
  const endsEarlier = ['new-app', 'reuse-revokes', 'slow'].includes(server.model);
  const earlier = endsEarlier ? endAll(server, 'later grant') : server;
  const grant: GrantAtServer = { id: server.grants.length, issued: 0, live: '', used: [] };
  return issue({ ...earlier, grants: [...earlier.grants, grant] }, grant, true, now);
}

export function redeem(
  server: Server,
  refreshToken: string,
  now: EpochMs,
): { server: Server; answer: Redemption } {
  const { model } = server;
  const grant = server.grants[grantOf(refreshToken)];
  if (!grant || !isLive(server, refreshToken)) {
    const isReuse =
      model === 'reuse-revokes' && grant !== undefined && grant.used.includes(refreshToken);
    return {
      server: isReuse && !grant.endedBy ? replace(server, { ...grant, endedBy: 'reuse' }) : server,
      answer: { outcome: 'refused' },
    };
  }
  const rotates = model !== 'rotation-off' && (model !== 'switched-on' || grant.issued > 1);
  const used = rotates ? { ...grant, used: [...grant.used, refreshToken] } : grant;
  const { server: after, pair } = issue(server, used, rotates, now);
  return { server: after, answer: { outcome: 'rotated', ...pair } };
}

/** Whether the server would accept this refresh token now. */
export function isLive({ model, grants }: Server, refreshToken: string | undefined): boolean {
  const grant = refreshToken === undefined ? undefined : grants[grantOf(refreshToken)];
  if (!grant || grant.endedBy !== undefined) return false;
  return grant.live === refreshToken || model === 'grace' || model === 'legacy';
}

/** Whether an access token can still do anything for its grant. */
export function accepts(server: Server, accessToken: string, now: EpochMs): boolean {
  const grant = server.grants[grantOf(accessToken)];
  const expiresAt = server.access[accessToken] ?? 0;
  return grant !== undefined && grant.endedBy === undefined && expiresAt > toSeconds(now);
}

/** This access token is good for nothing any more, before its time. */
export function reject(server: Server, accessToken: string): Server {
  return { ...server, access: { ...server.access, [accessToken]: 0 as EpochSeconds } };
}

/** Ends the grant of an access token; says so, too, if it has ended. */
export function revoke(
  server: Server,
  accessToken: string,
  now: EpochMs,
): { server: Server; answer: Revocation } {
  const grant = server.grants[grantOf(accessToken)];
  if (grant?.endedBy === undefined && !accepts(server, accessToken, now)) {
    return { server, answer: { outcome: 'token_rejected' } };
  }
  const isNew = grant !== undefined && grant.endedBy === undefined;
  return {
    server: isNew ? replace(server, { ...grant, endedBy: 'app' }) : server,
    answer: { outcome: 'revoked' },
  };
}

/** Every grant ends. */
export function endAll(server: Server, endedBy: End): Server {
  const grants = server.grants.map((grant) =>
    grant.endedBy === undefined ? { ...grant, endedBy } : grant,
  );
  return { ...server, grants };
}

function issue(
  server: Server,
  grant: GrantAtServer,
  rotates: boolean,
  now: EpochMs,
): { server: Server; pair: TokenPair } {
  const live = rotates ? `R${grant.id}.${grant.issued}` : grant.live;
  const accessToken = `A${grant.id}.${grant.issued}`;
  const expiresAt = plus(toSeconds(now), 3_600);
  const issued = replace(server, { ...grant, live, issued: grant.issued + 1 });
  return {
    server: { ...issued, access: { ...issued.access, [accessToken]: expiresAt } },
    pair: { accessToken, refreshToken: live, expiresAt },
  };
}

const replace = (server: Server, grant: GrantAtServer): Server => ({
  ...server,
  grants: server.grants.map((each) => (each.id === grant.id ? grant : each)),
});
