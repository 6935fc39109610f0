import { adminsOf, newAccount, parseAccountId, SAMPLE_ACCOUNTS } from './accounts.ts';
import type { Answer, Received } from './http.ts';

/** Who a browser is signed in to Jobber as. */
export interface Session {
  readonly accountId: number;
  readonly userId: number;
}

/*
 * A cookie says it, and anybody may write it: this Jobber has no passwords. In links and forms a session is written
 * `430114/1077988`.
 */
const COOKIE = 'simulated_jobber_session';

/** Each admin of each sample account. */
export const sampleSessions = () =>
  SAMPLE_ACCOUNTS.flatMap((account) =>
    adminsOf(account).map((admin) => ({
      account,
      admin,
      session: { accountId: account.id, userId: admin.id } satisfies Session,
    })),
  );

export function firstSession(): Session {
  const [{ id, userId }] = SAMPLE_ACCOUNTS;
  return { accountId: id, userId: adminsOf({ userId })[0].id };
}

/** Whose session a request is in; `undefined` if there is none. */
export function sessionOf({ headers }: Received): Session | undefined {
  const [, value] = new RegExp(`(?:^|; )${COOKIE}=([^;]*)`).exec(headers.cookie ?? '') ?? [];
  return value === undefined ? undefined : readSession(value.replace('.', '/'));
}

/** Reads `430114/1077988`, or `430114` for the first admin of that account; a digit is a sample account's place, from 0. */
export function readSession(text: string): Session | undefined {
  const [account = '', user] = text.split('/');
  const sample = /^\d$/.test(account) ? SAMPLE_ACCOUNTS[Number(account)] : undefined;
  const accountId = sample?.id ?? parseAccountId(account);
  if (accountId === undefined) return undefined;
  const userId = user === undefined ? adminsOf(newAccount(accountId))[0].id : Number(user);
  return Number.isSafeInteger(userId) && userId > 0 ? { accountId, userId } : undefined;
}

export const writeSession = ({ accountId, userId }: Session): string => `${accountId}/${userId}`;

/** The answer, which signs the browser in. */
export const signedIn = (answer: Answer, session: Session): Answer => ({
  ...answer,
  headers: {
    ...answer.headers,
    'Set-Cookie': `${COOKIE}=${writeSession(session).replace('/', '.')}; Path=/; HttpOnly; SameSite=Lax`,
  },
});
