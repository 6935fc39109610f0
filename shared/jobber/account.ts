import type { Clock } from '../runtime/clock.ts';
import { exchange } from './http.ts';

export interface Account {
  /** Jobber's `account.id`, encoded as Jobber does. */
  readonly id: string;
  readonly name: string;
}

const ATTEMPTS = 3;

/**
 * Asks which account an access token is for: `query { account { id name } }` needs no scope.
 * `undefined` if Jobber did not say.
 */
export async function fetchAccount(
  api: { baseUrl: string; graphqlVersion: string; clock: Clock },
  accessToken: string,
  timeoutMs: number,
): Promise<Account | undefined> {
  for (let attempt = 1; ; attempt++) {
    const answer = await exchange(
      `${api.baseUrl}/api/graphql`,
      {
        headers: {
          authorization: `Bearer ${accessToken}`,
          'content-type': 'application/json',
          'x-jobber-graphql-version': api.graphqlVersion,
        },
        body: JSON.stringify({ query: 'query { account { id name } }' }),
      },
      timeoutMs,
    );
    const account = answer.status === 200 ? readAccount(answer.body) : undefined;
    if (account || attempt === ATTEMPTS) return account;
    await api.clock.sleep(200 * attempt);
  }
}

function readAccount(body: string): Account | undefined {
  try {
    const { id, name } = JSON.parse(body).data.account;
    return typeof id === 'string' && id !== '' ? { id, name: String(name ?? '') } : undefined;
  } catch {
    return undefined;
  }
}
