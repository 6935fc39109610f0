import type { GraphqlErrorEntry, QueryCost } from '../jobber/graphql.ts';
import type {
  ConnectLinkErrorCode,
  DisconnectErrorCode,
  Failure,
  GetTokenErrorCode,
} from './contract.ts';
import { noAnswer } from './no-answer.ts';

/**
 * What can stop a call. Callers `switch` on `code`, which is stable; `retryable` says that the same call
 * may succeed later without anybody doing anything. No message ever holds a token.
 */
export abstract class JobberError extends Error {
  abstract readonly code: string;
  abstract readonly retryable: boolean;
}

/** The client lacks a setting, or has one that it cannot use. Nothing was asked of anybody. */
export class ClientNotConfiguredError extends JobberError {
  override readonly name = 'ClientNotConfiguredError';
  readonly code = 'client_not_configured';
  readonly retryable = false;
}

/** `get-token` says why there is no access token; `code` and `retryable` are its own. */
export class NoAccessTokenError extends JobberError {
  override readonly name = 'NoAccessTokenError';
  readonly code: GetTokenErrorCode;
  readonly retryable: boolean;
  constructor({ code, message, retryable }: Failure<GetTokenErrorCode>) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** `get-token` could not be invoked, or ended without an answer. Not retryable if this function may not invoke it. */
export class GetTokenFailedError extends JobberError {
  override readonly name = 'GetTokenFailedError';
  readonly code = 'get_token_failed';
  readonly retryable: boolean;
  constructor(what: string, retryable: boolean, advice?: string) {
    super(noAnswer('get-token', what, retryable, advice));
    this.retryable = retryable;
  }
}

/** `disconnect` says why the account was not disconnected; or gave no answer, then its code is `disconnect_failed`. */
export class DisconnectFailedError extends JobberError {
  override readonly name = 'DisconnectFailedError';
  readonly code: DisconnectErrorCode | 'disconnect_failed';
  readonly retryable: boolean;
  constructor({ code, message, retryable }: Failure<DisconnectErrorCode | 'disconnect_failed'>) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** `create-connect-link` says why it made none; or gave no answer, then its code is `connect_link_failed`. */
export class ConnectLinkFailedError extends JobberError {
  override readonly name = 'ConnectLinkFailedError';
  readonly code: ConnectLinkErrorCode | 'connect_link_failed';
  readonly retryable: boolean;
  constructor({ code, message, retryable }: Failure<ConnectLinkErrorCode | 'connect_link_failed'>) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** Jobber rejects a second, new access token as well. */
export class SecondTokenRejectedError extends JobberError {
  override readonly name = 'SecondTokenRejectedError';
  readonly code = 'second_token_rejected';
  readonly retryable = false;
  constructor() {
    super(
      'Jobber rejected an access token, and the new one as well, so no third was asked for. ' +
        'Check the scopes of the app and that JOBBER_BASE_URL is the Jobber that issued the tokens.',
    );
  }
}

/** Jobber says that a user disconnected the app from the account. */
export class AppDisconnectedError extends JobberError {
  override readonly name = 'AppDisconnectedError';
  readonly code = 'app_disconnected';
  readonly retryable = false;
  constructor(options?: ErrorOptions) {
    super(
      'The app was disconnected from this Jobber account. Stop calling; an admin of the account has to connect it again.',
      options,
    );
  }
}

/** Jobber says that the account is not active: to be treated as disconnected. */
export class AccountInactiveError extends JobberError {
  override readonly name = 'AccountInactiveError';
  readonly code = 'account_inactive';
  readonly retryable = false;
  constructor(options?: ErrorOptions) {
    super(
      'This Jobber account is not active. Stop calling; once it is active again, an admin has to connect it.',
      options,
    );
  }
}

/** The account's points do not suffice within the time that a call waits. Nothing was executed. */
export class ThrottledError extends JobberError {
  override readonly name = 'ThrottledError';
  readonly code = 'throttled';
  readonly retryable = true;
  readonly retryAfterSeconds: number;
  constructor(waitMs: number) {
    const seconds = Math.ceil(waitMs / 1000);
    super(`Jobber throttles this account. Nothing was executed; try again in ${seconds} s.`);
    this.retryAfterSeconds = seconds;
  }
}

/** The query costs more points than an account ever has. It was not executed and never will be. */
export class QueryTooExpensiveError extends JobberError {
  override readonly name = 'QueryTooExpensiveError';
  readonly code = 'query_too_expensive';
  readonly retryable = false;
  readonly requestedQueryCost: number;
  readonly maximumAvailable: number;
  constructor({ requestedQueryCost, maximumAvailable }: QueryCost) {
    super(
      `The query costs ${requestedQueryCost} points, more than the ${maximumAvailable} that an account ever has. ` +
        'Ask for fewer nodes (first:) or fields.',
    );
    this.requestedQueryCost = requestedQueryCost;
    this.maximumAvailable = maximumAvailable;
  }
}

/** Over 2,500 requests in 5 minutes for this account. Nothing was executed. */
export class TooManyRequestsError extends JobberError {
  override readonly name = 'TooManyRequestsError';
  readonly code = 'too_many_requests';
  readonly retryable = true;
  /** As Jobber says, or what was tried last if it does not say. */
  readonly retryAfterSeconds: number;
  constructor(waitMs: number) {
    super('Jobber has had too many requests for this account. Nothing was executed; try again.');
    this.retryAfterSeconds = Math.ceil(waitMs / 1000);
  }
}

/** No usable answer: none at all, HTTP 5xx, a page, a body cut short. */
export class JobberUnavailableError extends JobberError {
  override readonly name = 'JobberUnavailableError';
  readonly code = 'jobber_unavailable';
  readonly retryable = true;
  /** Whether a mutation may have been executed: look before you repeat it. */
  readonly maybeExecuted: boolean;
  constructor(cause: string, maybeExecuted: boolean) {
    super(
      `Jobber gave no usable answer (${cause}). ${
        maybeExecuted ? 'The request may have been executed.' : 'Nothing was executed.'
      }`,
    );
    this.maybeExecuted = maybeExecuted;
  }
}

/** Jobber does not accept the request as such, for example for its API version. */
export class RequestRefusedError extends JobberError {
  override readonly name = 'RequestRefusedError';
  readonly code = 'request_refused';
  readonly retryable = false;
  readonly status: number;
  constructor(status: number, message: string) {
    super(`Jobber refused the request (HTTP ${status})${message ? `: ${message}` : ''}.`);
    this.status = status;
  }
}

/** GraphQL's own errors, such as a missing scope; what data came with them is kept. */
export class GraphqlError extends JobberError {
  override readonly name = 'GraphqlError';
  readonly code = 'graphql_errors';
  readonly retryable = false;
  readonly errors: readonly GraphqlErrorEntry[];
  /** Partial data, as far as there is any. */
  readonly data: unknown;
  constructor(errors: readonly GraphqlErrorEntry[], data: unknown) {
    super(summaryOf(errors));
    this.errors = errors;
    this.data = data;
  }
}

/** One entry of `userErrors`: why Jobber did not do what a mutation asks for. */
export interface UserError {
  readonly message: string;
  /** Leads to the input that is wrong; empty if Jobber does not say. */
  readonly path: readonly string[];
}

/** A mutation was answered, but Jobber refused all or some of it: its payload has `userErrors`. */
export class MutationRefusedError extends JobberError {
  override readonly name = 'MutationRefusedError';
  readonly code = 'mutation_refused';
  readonly retryable = false;
  readonly userErrors: readonly UserError[];
  /** The whole answer. Other fields of the mutation may have been executed. */
  readonly data: unknown;
  constructor(userErrors: readonly UserError[], data: unknown) {
    super(`Jobber refused the mutation: ${summaryOf(userErrors)}.`);
    this.userErrors = userErrors;
    this.data = data;
  }
}

/** `paginate` cannot find its way through the query. */
export class NotPageableError extends JobberError {
  override readonly name = 'NotPageableError';
  readonly code = 'not_pageable';
  readonly retryable = false;
}

function summaryOf([first, ...others]: readonly { readonly message: string }[]): string {
  return `${first?.message}${others.length > 0 ? ` (and ${others.length} more)` : ''}`;
}

/** Every way in which the client's functions fail, besides the `reason` of an aborted signal. */
export type AnyJobberError =
  | ClientNotConfiguredError
  | NoAccessTokenError
  | GetTokenFailedError
  | DisconnectFailedError
  | ConnectLinkFailedError
  | SecondTokenRejectedError
  | AppDisconnectedError
  | AccountInactiveError
  | ThrottledError
  | QueryTooExpensiveError
  | TooManyRequestsError
  | JobberUnavailableError
  | RequestRefusedError
  | GraphqlError
  | MutationRefusedError
  | NotPageableError;
