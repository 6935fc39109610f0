import type { EpochSeconds } from '../runtime/clock.ts';

/** An authorization server's token endpoint (RFC 6749, sections 3.2 and 6), as the protocol needs it. */
export interface TokenEndpoint {
  /** Loads all that redeeming needs, before a lease is taken or a token spent; rejects if it cannot. */
  prepare(): Promise<{ readonly redeem: Redeem; readonly clientId: string }>;
  /** The account that an access token says it is for, unverified; `undefined` if it does not say. Never throws. */
  accountOf(accessToken: string): string | undefined;
}

/** Sends a refresh token and waits up to `timeoutMs` for the answer. Never rejects: an error on the way is an `unknown` outcome. */
export type Redeem = (refreshToken: string, timeoutMs: number) => Promise<Redemption>;

export type Redemption =
  | ({ readonly outcome: 'rotated' } & TokenPair)
  /** The refresh token is not valid (`invalid_grant`, RFC 6749, section 5.2). */
  | { readonly outcome: 'refused' }
  /** Our client id or secret is not valid: says nothing about the refresh token. */
  | { readonly outcome: 'client_rejected' }
  | {
      readonly outcome: 'unknown';
      /** Whether the endpoint may have redeemed the token all the same. */
      readonly maybeRedeemed: boolean;
      /** What was seen instead of an answer; holds no part of the answer. */
      readonly cause: string;
      readonly retryAfterMs?: number | undefined;
    };

export interface TokenPair {
  /** Absent if the answer was cut off behind the refresh token. */
  readonly accessToken?: string | undefined;
  /** The successor; the redeemed token itself where rotation is off. */
  readonly refreshToken: string;
  readonly expiresAt: EpochSeconds;
}
