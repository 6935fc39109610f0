import type { Clock, EpochSeconds } from '../../shared/runtime/clock.ts';
import { plus, toSeconds } from '../../shared/runtime/clock.ts';
import type { Revocation } from '../../shared/tokens/disconnect.ts';
import type { Redemption, TokenPair } from '../../shared/tokens/token-endpoint.ts';

/** How an authorization server treats refresh tokens that were redeemed before; `switched-on` rotates from the second time on. */
export const MODELS = [
  'new-app',
  'grace',
  'legacy',
  'rotation-off',
  'reuse-revokes',
  'switched-on',
] as const;
export type Model = (typeof MODELS)[number];

/** An answer that is whole. */
export type IssuedPair = TokenPair & { readonly accessToken: string };

interface Grant {
  readonly id: number;
  revoked: boolean;
  issued: number;
  live: string | undefined;
  readonly used: Set<string>;
}

/** One account at an authorization server; tokens say which grant and rotation they are of. */
export class AuthorizationServer {
  readonly model: Model;
  readonly #clock: Clock;
  readonly #grants: Grant[] = [];
  /** When each expires. */
  readonly #accessTokens = new Map<string, EpochSeconds>();
  /** Refresh tokens that were redeemed with success, in order. */
  readonly redeemed: string[] = [];

  constructor(model: Model, clock: Clock) {
    this.model = model;
    this.#clock = clock;
  }

  /** A further authorization; earlier grants live on. */
  authorize(): IssuedPair {
    const grant = {
      id: this.#grants.length,
      revoked: false,
      issued: 0,
      live: undefined,
      used: new Set<string>(),
    };
    this.#grants.push(grant);
    return this.#issue(grant, true);
  }

  redeem(refreshToken: string): Redemption {
    const grant = this.#grants.find(({ id }) => refreshToken.startsWith(`R${id}.`));
    if (!grant || !this.isLive(refreshToken)) {
      if (grant?.used.has(refreshToken) && this.model === 'reuse-revokes') grant.revoked = true;
      return { outcome: 'refused' };
    }
    this.redeemed.push(refreshToken);
    const rotates =
      this.model !== 'rotation-off' && (this.model !== 'switched-on' || grant.issued > 1);
    if (rotates) grant.used.add(refreshToken);
    return { outcome: 'rotated', ...this.#issue(grant, rotates) };
  }

  isLive(refreshToken: string): boolean {
    const grant = this.#grants.find(({ id }) => refreshToken.startsWith(`R${id}.`));
    if (!grant || grant.revoked) return false;
    if (grant.live === refreshToken) return true;
    return this.model === 'grace' || this.model === 'legacy';
  }

  /** Whether an access token can still do anything for its grant. */
  accepts(accessToken: string): boolean {
    const grant = this.#grantOf(accessToken);
    const expiresAt = this.#accessTokens.get(accessToken) ?? 0;
    return grant !== undefined && !grant.revoked && expiresAt > toSeconds(this.#clock.now());
  }

  /** This access token is good for nothing any more, before its time. */
  reject(accessToken: string): void {
    this.#accessTokens.delete(accessToken);
  }

  /** Ends the grant of an access token; says so, too, if it has ended. */
  revoke(accessToken: string): Revocation {
    const grant = this.#grantOf(accessToken);
    if (!grant?.revoked && !this.accepts(accessToken)) return { outcome: 'token_rejected' };
    if (grant) grant.revoked = true;
    return { outcome: 'revoked' };
  }

  /** The admin disconnects the app: every grant ends. */
  revokeAll(): void {
    for (const grant of this.#grants) grant.revoked = true;
  }

  /** For comparing states. */
  snapshot(): unknown {
    return this.#grants.map(({ revoked, issued, live, used }) => [
      revoked,
      issued,
      live,
      [...used],
    ]);
  }

  #grantOf(accessToken: string): Grant | undefined {
    return this.#grants.find(({ id }) => accessToken.startsWith(`A${id}.`));
  }

  #issue(grant: Grant, rotate: boolean): IssuedPair {
    const serial = grant.issued++;
    if (rotate) grant.live = `R${grant.id}.${serial}`;
    const accessToken = `A${grant.id}.${serial}`;
    const expiresAt = plus(toSeconds(this.#clock.now()), 3_600) as EpochSeconds;
    this.#accessTokens.set(accessToken, expiresAt);
    return { accessToken, refreshToken: grant.live ?? '', expiresAt };
  }
}
