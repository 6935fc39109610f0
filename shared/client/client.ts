import type { LambdaClient } from '@aws-sdk/client-lambda';
import { canonicalAccountId } from '../jobber/account-id.ts';
import { eachOnce } from '../jobber/api-version.ts';
import { systemClock as clock } from '../runtime/clock.ts';
import { environment } from '../runtime/environment.ts';
import { unlessAborted } from './aborting.ts';
import { accessTokens, type GetAccessTokenOptions } from './access-tokens.ts';
import type {
  AccessToken,
  ConnectLink,
  ConnectLinkRequest,
  ConnectLinkResponse,
  Disconnected,
  DisconnectRequest,
  DisconnectResponse,
  GetTokenRequest,
  GetTokenResponse,
} from './contract.ts';
import type { Document } from './document.ts';
import {
  ClientNotConfiguredError,
  ConnectLinkFailedError,
  DisconnectFailedError,
  GetTokenFailedError,
} from './errors.ts';
import { defaultLambdaClient, lambdaInvocation } from './invoke.ts';
import { jobberClient, type QueryOptions } from './jobber-client.ts';
import { noAnswer } from './no-answer.ts';
import { type Connection, type Cursor, pages } from './pages.ts';

/** What is not given here comes from the environment, at the first call that needs it. */
export interface ClientOptions {
  /** The name or ARN of `get-token`. @default - JOBBER_TOKENS_GET_TOKEN_FUNCTION, which `grantGetToken` sets */
  readonly functionName?: string | undefined;
  /** The name or ARN of `disconnect`. @default - JOBBER_TOKENS_DISCONNECT_FUNCTION, which `grantDisconnect` sets */
  readonly disconnectFunctionName?: string | undefined;
  /**
   * The name or ARN of `create-connect-link`.
   * @default - JOBBER_TOKENS_CONNECT_LINK_FUNCTION, which `grantCreateConnectLink` sets
   */
  readonly connectLinkFunctionName?: string | undefined;
  /** `X-JOBBER-GRAPHQL-VERSION`. @default - JOBBER_GRAPHQL_VERSION, else the version of this release */
  readonly graphqlVersion?: string | undefined;
  /** The origin of Jobber's API. @default - JOBBER_BASE_URL, else Jobber's own */
  readonly baseUrl?: string | undefined;
  /**
   * Invokes the functions, with a Region or credentials of its own. Give it no `requestTimeout`: the SDK would invoke again
   * what is still running.
   * @default - configured by the environment, as any AWS client
   */
  readonly lambda?: LambdaClient | undefined;
}

/** Variables may be left out if none is required. The document alone says which there are, not what is passed. */
export type Rest<Variables> =
  Record<never, never> extends Variables
    ? [variables?: Declared<Variables>, options?: QueryOptions]
    : [variables: Declared<Variables>, options?: QueryOptions];

/** As `NoInfer`, which TypeScript has only from 5.4 on. */
type Declared<T> = [T][T extends unknown ? 0 : never];

/** The client of one deployment, with its own tokens in memory. Its functions need no `this`. */
export interface Client {
  /**
   * A valid access token for Jobber's API, from this container's memory or from `get-token`.
   * @param accountId Jobber's `account.id`, in any form that Jobber writes
   * @throws NoAccessTokenError, GetTokenFailedError, ClientNotConfiguredError, or the reason of the signal
   */
  readonly getAccessToken: (
    accountId: string,
    options?: GetAccessTokenOptions,
  ) => Promise<AccessToken>;

  /**
   * The data of a query or mutation. A rejected token is replaced and the request repeated once; throttling, 429 and,
   * for queries, an unavailable Jobber are waited out for up to 30 s.
   * @throws AnyJobberError, or the reason of the signal
   */
  readonly jobberQuery: <Result = unknown, Variables = Record<string, unknown>>(
    accountId: string,
    query: Document<Result, Variables>,
    ...[variables, options]: Rest<Variables>
  ) => Promise<Result>;

  /**
   * The pages of a connection, one after the other, as fast as the account's points allow. The query passes a variable
   * `$after` on to the connection and selects `pageInfo { hasNextPage endCursor }`; `after` in `variables` starts behind
   * a cursor of an earlier run.
   * @throws AnyJobberError, or the reason of the signal
   */
  readonly paginate: <Result, Variables extends object, Page extends Connection>(
    accountId: string,
    query: Document<Result, Variables>,
    variables: Variables & Cursor,
    connectionOf: (data: Result) => Page,
    options?: QueryOptions,
  ) => AsyncGenerator<Page, void, undefined>;

  /**
   * Ends the account's connection at Jobber and deletes its tokens. Waits up to 30 s; `disconnect` goes on without the
   * caller. May be repeated.
   * @throws DisconnectFailedError, ClientNotConfiguredError, or the reason of the signal
   */
  readonly disconnect: (accountId: string, options?: DisconnectOptions) => Promise<Disconnected>;

  /**
   * A link that connects one of your customers: open it in that customer's browser. Good for 15 minutes and one account.
   * @throws ConnectLinkFailedError, ClientNotConfiguredError
   */
  readonly createConnectLink: (request?: ConnectLinkRequest) => Promise<ConnectLink>;
}

export interface DisconnectOptions {
  /** Ends the waiting, not the disconnect. */
  readonly signal?: AbortSignal | undefined;
}

/** As `get-token` is waited for. */
const ANSWER_WITHIN_MS = 30_000;

/** A client of a deployment: for a function that uses two of them, or that is configured otherwise than by its environment. */
export function createClient(options: ClientOptions = {}): Client {
  const lambda = once(() => options.lambda ?? defaultLambdaClient());
  const getToken = once(() =>
    lambdaInvocation<GetTokenRequest, GetTokenResponse>(
      lambda(),
      options.functionName ?? setting(environment.getTokenFunction),
      (...what) => new GetTokenFailedError(...what),
    ),
  );
  const askDisconnect = once(() =>
    lambdaInvocation<DisconnectRequest, DisconnectResponse>(
      lambda(),
      options.disconnectFunctionName ?? setting(environment.disconnectFunction),
      (what, retryable, advice) => {
        const message = noAnswer('disconnect', what, retryable, advice);
        return new DisconnectFailedError({ code: 'disconnect_failed', message, retryable });
      },
    ),
  );
  const askConnectLink = once(() =>
    lambdaInvocation<ConnectLinkRequest, ConnectLinkResponse>(
      lambda(),
      options.connectLinkFunctionName ?? setting(environment.connectLinkFunction),
      (what, retryable, advice) => {
        const message = noAnswer('create-connect-link', what, retryable, advice);
        return new ConnectLinkFailedError({ code: 'connect_link_failed', message, retryable });
      },
    ),
  );
  const tokens = accessTokens({ invoke: (...asked) => getToken()(...asked), clock });
  const jobber = once(() =>
    jobberClient({
      tokens,
      api: {
        baseUrl: options.baseUrl ?? setting(environment.jobberBaseUrl),
        graphqlVersion: options.graphqlVersion ?? environment.jobberGraphqlVersion(),
        onVersionNotice: ({ message }) => warnOnce(message),
      },
      clock,
    }),
  );

  async function getAccessToken(
    accountId: string,
    options?: GetAccessTokenOptions,
  ): Promise<AccessToken> {
    return tokens.get(canonicalAccountId(accountId), options);
  }

  async function jobberQuery<Result = unknown, Variables = Record<string, unknown>>(
    accountId: string,
    query: Document<Result, Variables>,
    ...[variables, options]: Rest<Variables>
  ): Promise<Result> {
    const id = canonicalAccountId(accountId);
    const document = query as Document<Result, never>;
    const { data } = await jobber().execute(id, document, variables as object, options);
    return data;
  }

  async function* paginate<Result, Variables extends object, Page extends Connection>(
    accountId: string,
    query: Document<Result, Variables>,
    variables: Variables & Cursor,
    connectionOf: (data: Result) => Page,
    options?: QueryOptions,
  ): AsyncGenerator<Page, void, undefined> {
    const id = canonicalAccountId(accountId);
    const document = query as Document<Result, never>;
    yield* pages(jobber(), id, document, variables, connectionOf, options);
  }

  async function disconnect(
    accountId: string,
    { signal }: DisconnectOptions = {},
  ): Promise<Disconnected> {
    const id = canonicalAccountId(accountId);
    const asked = askDisconnect()({ accountId: id }, ANSWER_WITHIN_MS);
    const response = await unlessAborted(asked, signal);
    if (!response.ok) throw new DisconnectFailedError(response.error);
    tokens.forget(id);
    return { accountId: id, status: response.status };
  }

  async function createConnectLink(request: ConnectLinkRequest = {}): Promise<ConnectLink> {
    const response = await askConnectLink()(request, ANSWER_WITHIN_MS);
    if (!response.ok) throw new ConnectLinkFailedError(response.error);
    const { url, expiresAt } = response;
    return { url, expiresAt };
  }

  return { getAccessToken, jobberQuery, paginate, disconnect, createConnectLink };
}

const warnOnce = eachOnce((message) =>
  process.emitWarning(message, { type: 'JobberApiVersionWarning' }),
);

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function setting<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ClientNotConfiguredError(
      `${(error as Error).message} Set it, or give it to createClient; nothing was asked of Jobber.`,
    );
  }
}
