import type { AnyTokenError } from '../tokens/errors.ts';

/* What the invoked functions take and answer. */

/** Why a function did not do what it was asked for. */
export interface Failure<Code extends string = string> {
  /** Stable; README.md says what each means and what to do. */
  readonly code: Code;
  readonly message: string;
  /** Whether the same request may succeed later without anybody reconnecting. */
  readonly retryable: boolean;
}

/** How every invoked function answers. */
export type Answer<Result, Code extends string> =
  | ({ readonly ok: true } & Result)
  | { readonly ok: false; readonly error: Failure<Code> };

export const failure = <Code extends string>(
  code: Code,
  message: string,
  retryable: boolean,
): { readonly ok: false; readonly error: Failure<Code> } => ({
  ok: false,
  error: { code, message, retryable },
});

type TokenErrorCode = AnyTokenError['code'] | 'invalid_request' | 'internal_error';

/** What `get-token` is invoked with. */
export interface GetTokenRequest {
  /** Jobber's `account.id`, in any form that Jobber writes. */
  readonly accountId: string;
  /** 0 to 1800; a token that expires sooner is refreshed. @default 60 */
  readonly minValiditySeconds?: number | undefined;
  /** The access token that Jobber's API has just rejected. */
  readonly rejectedToken?: string | undefined;
}

export interface AccessToken {
  /** Jobber's `account.id`, as the connection is stored under. */
  readonly accountId: string;
  readonly accessToken: string;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number;
}

export type GetTokenErrorCode = TokenErrorCode;
export type GetTokenResponse = Answer<AccessToken, GetTokenErrorCode>;

/** What `disconnect` is invoked with. */
export interface DisconnectRequest {
  /** Jobber's `account.id`, in any form that Jobber writes. */
  readonly accountId: string;
}

export interface Disconnected {
  readonly accountId: string;
  /**
   * `disconnecting`: no token is given out any more; Jobber has not confirmed it yet, and sweeps go on asking.
   * `reconnected`: somebody connected the account again meanwhile; that connection stays.
   */
  readonly status: 'disconnected' | 'disconnecting' | 'reconnected';
}

export type DisconnectErrorCode = TokenErrorCode;
export type DisconnectResponse = Answer<Disconnected, DisconnectErrorCode>;

/** What `create-connect-link` is invoked with. */
export interface ConnectLinkRequest {
  /** Your own id of the customer, of 64 characters at most, which the connection then carries. */
  readonly ref?: string | undefined;
  /** Where the result page leads on to, with a signed claim: a URL of an origin in `returnToOrigins`. */
  readonly returnTo?: string | undefined;
  /** Only this account may be connected, and its connection is replaced, whoever made it. */
  readonly accountId?: string | undefined;
}

export interface ConnectLink {
  /** For one customer's browser; good for one account. */
  readonly url: string;
  /** Seconds since the Unix epoch: 15 minutes from now. */
  readonly expiresAt: number;
}

export type ConnectLinkErrorCode = 'invalid_request' | 'secrets_unavailable';
export type ConnectLinkResponse = Answer<ConnectLink, ConnectLinkErrorCode>;
