import type { AnyTokenError } from '../tokens/errors.ts';

/** What `get-token` is invoked with. */
export interface GetTokenRequest {
  /** Jobber's `account.id`, as Jobber encodes it. */
  readonly accountId: string;
  /** 0 to 1800; a token that expires sooner is refreshed. @default 60 */
  readonly minValiditySeconds?: number | undefined;
  /** The access token that Jobber's API has just rejected. */
  readonly rejectedToken?: string | undefined;
}

export interface AccessToken {
  readonly accountId: string;
  readonly accessToken: string;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number;
}

/** Stable; README.md says what each means and what to do. */
export type GetTokenErrorCode = AnyTokenError['code'] | 'invalid_request' | 'internal_error';

export interface GetTokenFailure {
  readonly code: GetTokenErrorCode;
  readonly message: string;
  /** Whether the same request may succeed later without anybody reconnecting. */
  readonly retryable: boolean;
}

export type GetTokenResponse =
  | ({ readonly ok: true } & AccessToken)
  | { readonly ok: false; readonly error: GetTokenFailure };
