import { eachOnce } from '../jobber/api-version.ts';
import { systemClock as clock } from '../runtime/clock.ts';
import { environment } from '../runtime/environment.ts';
import { accessTokens, type GetAccessTokenOptions } from './access-tokens.ts';
import type { AccessToken } from './contract.ts';
import type { Document } from './document.ts';
import { lambdaInvocation } from './invoke-get-token.ts';
import { type JobberClient, jobberClient, type QueryOptions } from './jobber-client.ts';
import { type Connection, type Cursor, pages } from './pages.ts';

/* What the owner's Lambdas import, configured by the environment: docs/client.md. */

export type { GetAccessTokenOptions } from './access-tokens.ts';
export type { AccessToken, GetTokenErrorCode } from './contract.ts';
export type { Document } from './document.ts';
export * from './errors.ts';
export type { QueryOptions } from './jobber-client.ts';
export type { Connection, Cursor } from './pages.ts';

/**
 * A valid access token for Jobber's API, from this container's memory or from `get-token`.
 * @param accountId Jobber's `account.id`, as Jobber encodes it
 * @throws NoAccessTokenError, GetTokenFailedError, or the reason of the signal
 */
export function getAccessToken(
  accountId: string,
  options?: GetAccessTokenOptions,
): Promise<AccessToken> {
  return client().tokens.get(accountId, options);
}

/** Variables may be left out if none is required. */
type Rest<Variables> =
  Record<never, never> extends Variables
    ? [variables?: Variables, options?: QueryOptions]
    : [variables: Variables, options?: QueryOptions];

/**
 * The data of a query or mutation. A rejected token is replaced and the request repeated once; throttling, 429 and,
 * for queries, an unavailable Jobber are waited out for up to 30 s.
 * @throws AnyJobberError, or the reason of the signal
 */
export async function jobberQuery<Result = unknown, Variables = Record<string, unknown>>(
  accountId: string,
  query: Document<Result, Variables>,
  ...[variables, options]: Rest<Variables>
): Promise<Result> {
  const document = query as Document<Result, never>;
  const { data } = await client().execute(accountId, document, variables as object, options);
  return data;
}

/**
 * The pages of a connection, one after the other, as fast as the account's points allow. The query passes a variable
 * `$after` on to the connection and selects `pageInfo { hasNextPage endCursor }`; `after` in `variables` starts behind
 * a cursor of an earlier run.
 * @throws AnyJobberError, or the reason of the signal
 */
export function paginate<Result, Variables extends object, Page extends Connection>(
  accountId: string,
  query: Document<Result, Variables>,
  variables: Variables & Cursor,
  connectionOf: (data: Result) => Page,
  options?: QueryOptions,
): AsyncGenerator<Page, void, undefined> {
  const document = query as Document<Result, never>;
  return pages(client(), accountId, document, variables, connectionOf, options);
}

const warnOnce = eachOnce((message) =>
  process.emitWarning(message, { type: 'JobberApiVersionWarning' }),
);

let theClient: JobberClient | undefined;

/** Made at the first call, so that importing this needs no environment. */
function client(): JobberClient {
  theClient ??= jobberClient({
    tokens: accessTokens({ invoke: lambdaInvocation(environment.getTokenFunction()), clock }),
    api: {
      baseUrl: environment.jobberBaseUrl(),
      graphqlVersion: environment.jobberGraphqlVersion(),
      onVersionNotice: ({ message }) => warnOnce(message),
    },
    clock,
  });
  return theClient;
}
