/**
 * What can stop a caller from getting a token. Callers `switch` on `code`, which is stable;
 * `retryable` says that the same call may succeed later without anybody reconnecting.
 * No message ever holds a token or a secret.
 */
export abstract class TokenError extends Error {
  abstract readonly code: string;
  abstract readonly retryable: boolean;
}

/** No Jobber account with this id ever connected. */
export class NotConnectedError extends TokenError {
  override readonly name = 'NotConnectedError';
  readonly code = 'not_connected';
  readonly retryable = false;
  constructor() {
    super('No connection is stored for this account id. Connect the account first.');
  }
}

/** The account was connected and then disconnected; its tokens are deleted, or will be once Jobber has confirmed it. */
export class DisconnectedError extends TokenError {
  override readonly name = 'DisconnectedError';
  readonly code = 'disconnected';
  readonly retryable = false;
  constructor() {
    super('The account was disconnected, so there is no token for it. Connect it again to use it.');
  }
}

/**
 * Why nobody but the account's admin can bring the connection back:
 * - `revoked`: Jobber refuses the refresh token, and nothing shows that anybody else redeemed it. It does not say that the
 *   customer left: a table restored to an earlier time has tokens that were redeemed since.
 * - `rotation_lost`: the refresh token was redeemed and its successor never reached the table.
 * - `unreadable`: the stored tokens do not open with any sealing key that exists. Never written to
 *   the table, so that restoring the key restores the connection.
 */
export type ReconnectReason = 'revoked' | 'rotation_lost' | 'unreadable';

const RECONNECT_CAUSE: Record<ReconnectReason, string> = {
  revoked: 'Jobber refuses the refresh token, which nobody else can have used',
  rotation_lost: 'the refresh token was redeemed, but its successor never arrived',
  unreadable: 'the stored tokens cannot be opened with the sealing keys that exist',
};

/** The connection cannot be refreshed any more. */
export class ReconnectRequiredError extends TokenError {
  override readonly name = 'ReconnectRequiredError';
  readonly code = 'reconnect_required';
  readonly retryable = false;
  readonly reason: ReconnectReason;
  constructor(reason: ReconnectReason, options?: ErrorOptions) {
    super(
      `An admin of the Jobber account has to reconnect it (${reason}): ${RECONNECT_CAUSE[reason]}. ` +
        'Settings and history of the connection are kept.',
      options,
    );
    this.reason = reason;
  }
}

/** Another invocation is refreshing this connection and did not finish within our deadline. */
export class RefreshInProgressError extends TokenError {
  override readonly name = 'RefreshInProgressError';
  readonly code = 'refresh_in_progress';
  readonly retryable = true;
  constructor() {
    super('Another invocation is refreshing this connection. Nothing is lost; try again shortly.');
  }
}

/** Too little time is left to redeem a refresh token and store its successor. */
export class DeadlineTooCloseError extends TokenError {
  override readonly name = 'DeadlineTooCloseError';
  readonly code = 'deadline_too_close';
  readonly retryable = true;
  constructor() {
    super(
      'Too little time was left to refresh safely, so nothing was started. Try again with more time.',
    );
  }
}

/** The token endpoint gave no usable answer (RFC 6749, section 5, promises one). */
export class RefreshOutcomeUnknownError extends TokenError {
  override readonly name = 'RefreshOutcomeUnknownError';
  readonly code = 'refresh_outcome_unknown';
  readonly retryable = true;
  /** Seconds that the token endpoint asked for in `Retry-After`, if it did. */
  readonly retryAfterSeconds: number | undefined;
  constructor(cause: string, retryAfterMs?: number) {
    super(
      `The token endpoint gave no usable answer (${cause}). The connection stays active; try again.`,
    );
    this.retryAfterSeconds =
      retryAfterMs === undefined ? undefined : Math.ceil(retryAfterMs / 1000);
  }
}

/**
 * Refused, but not yet believed: Jobber may have been wrong, or an earlier refresh may still store the successor. A verdict needs
 * a second refusal, ten minutes later.
 */
export class RotationInDoubtError extends TokenError {
  override readonly name = 'RotationInDoubtError';
  readonly code = 'rotation_in_doubt';
  readonly retryable = true;
  constructor() {
    super(
      'Jobber refused the refresh token. That may be a mistake, or an earlier refresh may still store its successor. ' +
        'The connection stays active for now; try again in a minute.',
    );
  }
}

/** The token endpoint takes requests and loses its answers, so nothing was sent: each request could lose a connection. */
export class RefreshPausedError extends TokenError {
  override readonly name = 'RefreshPausedError';
  readonly code = 'refresh_paused';
  readonly retryable = true;
  constructor() {
    super(
      'The token endpoint does not answer reliably, so no refresh token was sent. ' +
        'The connection is not affected; try again in ten seconds.',
    );
  }
}

/** The token endpoint rejects our own client id or secret (`invalid_client`, RFC 6749, 5.2). */
export class ClientRejectedError extends TokenError {
  override readonly name = 'ClientRejectedError';
  readonly code = 'client_rejected';
  readonly retryable = true;
  constructor() {
    super(
      'Jobber rejects the client id or secret of this app. No connection is affected; ' +
        'correct the app secret and refreshing goes on by itself.',
    );
  }
}

/** The API rejects a token that is less than a minute old: a new one would not help. */
export class AccessTokenRejectedError extends TokenError {
  override readonly name = 'AccessTokenRejectedError';
  readonly code = 'access_token_rejected';
  readonly retryable = false;
  constructor() {
    super(
      'The rejected access token was issued less than a minute ago and was not refreshed again. ' +
        'Check the scopes of the app and the headers of the request.',
    );
  }
}

/** The table could not be read or written while there was nothing to save. */
export class TableUnavailableError extends TokenError {
  override readonly name = 'TableUnavailableError';
  readonly code = 'table_unavailable';
  readonly retryable = true;
  constructor(cause?: unknown) {
    super('The token table did not answer. The connection stays as it is; try again.', { cause });
  }
}

/** Makes errors of the table a {@link TableUnavailableError}, where a failed call loses nothing. */
export function whileNothingIsUnsaved<T>(call: Promise<T>): Promise<T> {
  return call.catch((cause: unknown) => {
    throw new TableUnavailableError(cause);
  });
}

/** The sealing key or the client secret could not be read; found out before a token was spent. */
export class SecretsUnavailableError extends TokenError {
  override readonly name = 'SecretsUnavailableError';
  readonly code = 'secrets_unavailable';
  readonly retryable = true;
  constructor(cause: unknown) {
    super('A secret could not be read. No refresh token was spent; try again.', { cause });
  }
}

/** Every way in which {@link TokenHelper.getAccessToken} fails. */
export type AnyTokenError =
  | NotConnectedError
  | DisconnectedError
  | ReconnectRequiredError
  | RefreshInProgressError
  | DeadlineTooCloseError
  | RefreshOutcomeUnknownError
  | RefreshPausedError
  | RotationInDoubtError
  | ClientRejectedError
  | AccessTokenRejectedError
  | TableUnavailableError
  | SecretsUnavailableError;
