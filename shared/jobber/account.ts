import { type Clock, plus } from '../runtime/clock.ts';
import { canonicalAccountId } from './account-id.ts';
import { askGraphql, type GraphqlAnswer, type GraphqlApi } from './graphql.ts';

export interface Account {
  /** Jobber's `account.id`, as it is stored. */
  readonly id: string;
  /** Of 256 characters at most. */
  readonly name: string;
}

export interface User {
  /** Jobber's number of the user, as in the claim `user_id` of access tokens. */
  readonly id: string;
  readonly name?: string;
}

/** Whose an access token is. */
export interface Identity {
  readonly account: Account;
  /** Absent if Jobber did not say. */
  readonly user: User | undefined;
}

const ATTEMPTS = 3;
/** An attempt with less time is not worth making. */
const LEAST_MS = 500;
const MOST_OF_A_NAME = 256;
/** Needs no scope (Jobber, "Custom Integrations"). */
const ACCOUNT_QUERY = 'query { account { id name } }';
const IDENTITY_QUERY = 'query { account { id name } user { id name { full } } }';

/**
 * Asks whose an access token is. Without the user if Jobber hides that; `undefined` if Jobber did not name the account within
 * `timeoutMs`, in all of the attempts.
 */
export async function fetchIdentity(
  api: GraphqlApi & { readonly clock: Clock },
  accessToken: string,
  timeoutMs: number,
): Promise<Identity | undefined> {
  const giveUpAt = plus(api.clock.now(), timeoutMs);
  let query = IDENTITY_QUERY;
  for (let attempt = 1; ; attempt++) {
    const left = giveUpAt - api.clock.now();
    const mostMs = Math.min(left, timeoutMs / 2);
    const answer = await askGraphql(api, accessToken, { query }, mostMs);
    const identity = readIdentity(answer);
    const pause = 200 * attempt;
    const isOver = attempt === ATTEMPTS || plus(api.clock.now(), pause + LEAST_MS) > giveUpAt;
    if (identity || isOver) return identity;
    if (answer.kind === 'errors') query = ACCOUNT_QUERY;
    await api.clock.sleep(pause);
  }
}

/** Whether Jobber says that the grant of an access token, which has not expired, has ended. Not if Jobber does not answer. */
export async function hasGrantEnded(
  api: GraphqlApi,
  accessToken: string,
  timeoutMs: number,
): Promise<boolean> {
  const { kind } = await askGraphql(api, accessToken, { query: ACCOUNT_QUERY }, timeoutMs);
  return kind === 'token_rejected' || kind === 'disconnected';
}

function readIdentity(answer: GraphqlAnswer): Identity | undefined {
  if (answer.kind !== 'data' && answer.kind !== 'errors') return undefined;
  const { account, user } = Object(answer.data) as {
    account?: { id?: unknown; name?: unknown } | null;
    user?: { id?: unknown; name?: { full?: unknown } | null } | null;
  };
  if (typeof account?.id !== 'string' || account.id === '') return undefined;
  const { id, name } = user ?? {};
  return {
    account: { id: canonicalAccountId(account.id), name: asName(account.name) },
    user:
      typeof id === 'string' && id !== ''
        ? { id: userNumber(id), name: asName(name?.full) }
        : undefined,
  };
}

/** Without characters that control the terminal or turn the direction of what follows. */
const asName = (name: unknown): string =>
  String(name ?? '')
    .replace(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, '')
    .slice(0, MOST_OF_A_NAME)
    .toWellFormed();

/** Jobber encodes ids with their type (`gid://Jobber/User/1077988`). */
function userNumber(id: string): string {
  const decoded = Buffer.from(id, 'base64').toString();
  return /^(?:gid:\/\/Jobber\/User\/)?(\d{1,19})$/.exec(decoded)?.[1] ?? id.slice(0, 64);
}
