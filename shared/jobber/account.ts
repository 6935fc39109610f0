import { type Clock, plus } from '../runtime/clock.ts';
import { askGraphql, type GraphqlApi } from './graphql.ts';

export interface Account {
  /** Jobber's `account.id`, encoded as Jobber does. */
  readonly id: string;
  readonly name: string;
}

const ATTEMPTS = 3;
/** An attempt with less time is not worth making. */
const LEAST_MS = 500;
const ACCOUNT_QUERY = 'query { account { id name } }';

/**
 * Asks which account an access token is for: `query { account { id name } }` needs no scope.
 * `undefined` if Jobber did not say within `timeoutMs`, in all of the attempts.
 */
export async function fetchAccount(
  api: GraphqlApi & { readonly clock: Clock },
  accessToken: string,
  timeoutMs: number,
): Promise<Account | undefined> {
  const giveUpAt = plus(api.clock.now(), timeoutMs);
  for (let attempt = 1; ; attempt++) {
    const left = giveUpAt - api.clock.now();
    const mostMs = Math.min(left, timeoutMs / 2);
    const answer = await askGraphql(api, accessToken, { query: ACCOUNT_QUERY }, mostMs);
    const account = answer.kind === 'data' ? readAccount(answer.data) : undefined;
    const pause = 200 * attempt;
    const isOver = attempt === ATTEMPTS || plus(api.clock.now(), pause + LEAST_MS) > giveUpAt;
    if (account || isOver) return account;
    await api.clock.sleep(pause);
  }
}

function readAccount(data: unknown): Account | undefined {
  const { id, name } = (data as { account?: { id?: unknown; name?: unknown } }).account ?? {};
  return typeof id === 'string' && id !== '' ? { id, name: String(name ?? '') } : undefined;
}
