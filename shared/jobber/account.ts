import type { Clock } from '../runtime/clock.ts';
import { askGraphql, type GraphqlApi } from './graphql.ts';

export interface Account {
  /** Jobber's `account.id`, encoded as Jobber does. */
  readonly id: string;
  readonly name: string;
}

const ATTEMPTS = 3;
const ACCOUNT_QUERY = 'query { account { id name } }';

/**
 * Asks which account an access token is for: `query { account { id name } }` needs no scope.
 * `undefined` if Jobber did not say.
 */
export async function fetchAccount(
  api: GraphqlApi & { readonly clock: Clock },
  accessToken: string,
  timeoutMs: number,
): Promise<Account | undefined> {
  for (let attempt = 1; ; attempt++) {
    const answer = await askGraphql(api, accessToken, { query: ACCOUNT_QUERY }, timeoutMs);
    const account = answer.kind === 'data' ? readAccount(answer.data) : undefined;
    if (account || attempt === ATTEMPTS) return account;
    await api.clock.sleep(200 * attempt);
  }
}

function readAccount(data: unknown): Account | undefined {
  const { id, name } = (data as { account?: { id?: unknown; name?: unknown } }).account ?? {};
  return typeof id === 'string' && id !== '' ? { id, name: String(name ?? '') } : undefined;
}
