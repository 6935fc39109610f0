import {
  askGraphql,
  type GraphqlAnswer,
  type GraphqlApi,
  type QueryCost,
} from '../jobber/graphql.ts';
import { backoff } from '../runtime/backoff.ts';
import { type Clock, type EpochMs, plus } from '../runtime/clock.ts';
import { unlessAborted } from './aborting.ts';
import type { AccessTokens } from './access-tokens.ts';
import { type Document, isMutation, mayChangeSomething, textOf } from './document.ts';
import {
  AccountInactiveError,
  AppDisconnectedError,
  GraphqlError,
  type JobberError,
  JobberUnavailableError,
  MutationRefusedError,
  QueryTooExpensiveError,
  RequestRefusedError,
  SecondTokenRejectedError,
  ThrottledError,
  TooManyRequestsError,
} from './errors.ts';
import { accountPoints } from './points.ts';
import { userErrorsOf } from './user-errors.ts';

export interface QueryOptions {
  /** Which operation of the document is meant, if it has several. */
  readonly operationName?: string | undefined;
  /**
   * How many of the account's points are left to others: the query waits while fewer would remain after it, as far as this
   * container knows. For work in the background, so that nobody who waits for an answer is throttled. @default 0
   */
  readonly leavePoints?: number | undefined;
  /** Ends the call, its waiting included; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What an executed query answered, and what it took. */
export interface Executed<Result> {
  readonly data: Result;
  readonly cost: QueryCost | undefined;
  readonly answeredAt: EpochMs;
}

export interface JobberClientDependencies {
  readonly tokens: AccessTokens;
  readonly api: GraphqlApi;
  readonly clock: Clock;
}

export type JobberClient = ReturnType<typeof jobberClient>;

/** All attempts and the waiting between them, without that for a token; a bucket of points is full again after 20 s. */
const ANSWER_WITHIN_MS = 30_000;
const REQUEST_TIMEOUT_MS = 20_000;
const MOST_BYTES = 20 * 1024 * 1024;

type Rejection = 'token_rejected' | 'disconnected' | 'inactive';

export function jobberClient({ tokens, api, clock }: JobberClientDependencies) {
  const points = accountPoints(clock);
  return { tokens, clock, execute };

  /** @throws AnyJobberError, or the reason of the signal */
  async function execute<Result>(
    accountId: string,
    document: Document<Result, never>,
    variables: object | undefined,
    { operationName, leavePoints = 0, signal }: QueryOptions = {},
  ): Promise<Executed<Result>> {
    const query = textOf(document as Document<never, never>);
    let giveUpAt = plus(clock.now(), ANSWER_WITHIN_MS);
    let rejected: { token: string; why: Rejection } | undefined;

    for (let attempt = 0; ; attempt++) {
      const asked = clock.now();
      const accessToken = await tokenFor(accountId, rejected, signal);
      giveUpAt = plus(giveUpAt, clock.now() - asked);
      const answered = await reservePoints(accountId, query, leavePoints, giveUpAt, signal);
      const answer = await askGraphql(
        api,
        accessToken,
        { query, variables, operationName },
        Math.max(1, Math.min(REQUEST_TIMEOUT_MS, giveUpAt - clock.now())),
        { mostBytes: MOST_BYTES, signal },
      );
      answered('cost' in answer ? answer.cost : undefined);
      signal?.throwIfAborted();

      switch (answer.kind) {
        case 'data': {
          const userErrors = isMutation(query, operationName) ? userErrorsOf(answer.data) : [];
          if (userErrors.length > 0) throw new MutationRefusedError(userErrors, answer.data);
          return { data: answer.data as Result, cost: answer.cost, answeredAt: clock.now() };
        }
        case 'errors':
          throw new GraphqlError(answer.errors, answer.data);
        case 'token_rejected':
        case 'disconnected':
        case 'inactive':
          if (rejected) throw rejectionError(answer.kind);
          rejected = { token: accessToken, why: answer.kind };
          break;
        case 'throttled':
        case 'too_many_requests':
        case 'unavailable': {
          const { ms, error } = waitFor(answer, attempt, query);
          if (ms === undefined || plus(clock.now(), ms) > giveUpAt) throw error;
          await unlessAborted(clock.sleep(ms), signal);
          break;
        }
        case 'refused':
          throw new RequestRefusedError(answer.status, withoutToken(answer.message, accessToken));
      }
    }
  }

  /**
   * Waits until the points suffice, and looks again after each wait: others may have spent them meanwhile. Call the result
   * with the cost that the answer names. @throws ThrottledError
   */
  async function reservePoints(
    accountId: string,
    query: string,
    leavePoints: number,
    giveUpAt: EpochMs,
    signal: AbortSignal | undefined,
  ): Promise<(cost: QueryCost | undefined) => void> {
    for (;;) {
      const ms = leavePoints > 0 ? points.waitMs(accountId, query, leavePoints) : 0;
      if (ms === 0) return points.reserve(accountId, query);
      if (plus(clock.now(), ms) > giveUpAt) throw new ThrottledError(ms);
      await unlessAborted(clock.sleep(ms), signal);
    }
  }

  /**
   * Once a token is rejected, `get-token` is told: it has a newer one, makes one, or finds out that Jobber has ended
   * the connection and records it.
   */
  async function tokenFor(
    accountId: string,
    rejected: { token: string; why: Rejection } | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    try {
      const { accessToken } = await tokens.get(accountId, {
        rejectedToken: rejected?.token,
        signal,
      });
      return accessToken;
    } catch (error) {
      signal?.throwIfAborted();
      if (!rejected || rejected.why === 'token_rejected') throw error;
      throw rejectionError(rejected.why, { cause: error });
    }
  }
}

function rejectionError(why: Rejection, options?: ErrorOptions): JobberError {
  switch (why) {
    case 'token_rejected':
      return new SecondTokenRejectedError();
    case 'disconnected':
      return new AppDisconnectedError(options);
    case 'inactive':
      return new AccountInactiveError(options);
  }
}

type Hindrance = Extract<
  GraphqlAnswer,
  { kind: 'throttled' | 'too_many_requests' | 'unavailable' }
>;

/** How long to wait before the next attempt, `undefined` for never, and the error if there is no time for it. */
function waitFor(
  answer: Hindrance,
  attempt: number,
  query: string,
): { ms: number | undefined; error: JobberError } {
  switch (answer.kind) {
    case 'throttled': {
      const { cost } = answer;
      if (cost && cost.requestedQueryCost > cost.maximumAvailable)
        return { ms: undefined, error: new QueryTooExpensiveError(cost) };
      const ms = cost
        ? restoredInMs(cost) + backoff(attempt, 50, 500)
        : backoff(attempt, 1_000, 10_000);
      return { ms, error: new ThrottledError(ms) };
    }
    case 'too_many_requests': {
      const ms = answer.retryAfterMs ?? backoff(attempt, 1_000, 10_000);
      return { ms, error: new TooManyRequestsError(ms) };
    }
    case 'unavailable': {
      const { cause, maybeReceived, retryAfterMs } = answer;
      const error = new JobberUnavailableError(cause, maybeReceived);
      if (maybeReceived && mayChangeSomething(query)) return { ms: undefined, error };
      return { ms: retryAfterMs ?? backoff(attempt, 250, 4_000), error };
    }
  }
}

/** (requested − available) / restoreRate, in milliseconds (Jobber, "API Rate Limits"). */
export function restoredInMs({ requestedQueryCost, currentlyAvailable, restoreRate }: QueryCost) {
  const missing = Math.max(0, requestedQueryCost - currentlyAvailable);
  return Math.ceil((missing / restoreRate) * 1000);
}

const withoutToken = (message: string, accessToken: string) =>
  message.replaceAll(accessToken, '…').slice(0, 300);
