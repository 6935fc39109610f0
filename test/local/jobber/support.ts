import { onTestFinished } from 'vitest';
import {
  type JobberSimulator,
  type JobberSimulatorOptions,
  startJobberSimulator,
} from '../../../local/jobber/simulator.ts';

export const ACCOUNT = 430114;
export const REDIRECT_URI = 'https://app.example/callback?tenant=7';

/** A simulator that ends with the test, at a time that only the test moves. */
export async function simulate(options: JobberSimulatorOptions = {}) {
  const clock = { now: Date.UTC(2024, 3, 9, 20, 4, 31) };
  const jobber = await startJobberSimulator({ now: () => clock.now, ...options });
  onTestFinished(() => jobber.close());
  return { jobber, clock };
}

export function authorizeForm(fields: Record<string, string> = {}): Record<string, string> {
  return {
    response_type: 'code',
    client_id: 'simulated-client',
    redirect_uri: REDIRECT_URI,
    ...fields,
  };
}

/** Sends what the authorization page sends; its answer is not followed. */
export function decide(jobber: JobberSimulator, fields: Record<string, string>): Promise<Response> {
  return fetch(`${jobber.url}/api/oauth/authorize`, {
    method: 'POST',
    body: new URLSearchParams(authorizeForm(fields)),
    redirect: 'manual',
  });
}

/** The code of a fresh authorization. */
export async function authorize(jobber: JobberSimulator, account = ACCOUNT): Promise<string> {
  const response = await decide(jobber, { account: String(account), decision: 'allow' });
  return new URL(response.headers.get('location') ?? '').searchParams.get('code') ?? '';
}

export function requestToken(
  jobber: JobberSimulator,
  parameters: Record<string, string>,
  signal: AbortSignal | null = null,
): Promise<Response> {
  return fetch(`${jobber.url}/api/oauth/token`, {
    method: 'POST',
    signal,
    redirect: 'manual',
    body: new URLSearchParams({
      client_id: jobber.settings.clientId,
      client_secret: jobber.settings.clientSecret,
      ...parameters,
    }),
  });
}

export function exchange(jobber: JobberSimulator, code: string): Promise<Response> {
  return requestToken(jobber, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: REDIRECT_URI,
  });
}

export function refresh(
  jobber: JobberSimulator,
  refreshToken: string,
  signal?: AbortSignal,
): Promise<Response> {
  const parameters = { grant_type: 'refresh_token', refresh_token: refreshToken };
  return requestToken(jobber, parameters, signal);
}

export interface TokenAnswer {
  access_token: string;
  refresh_token: string;
  expires_at?: string;
  warning?: string;
}

/** The answer to a refresh that must succeed. */
export async function refreshed(
  jobber: JobberSimulator,
  refreshToken: string,
): Promise<TokenAnswer> {
  return tokenAnswer(await refresh(jobber, refreshToken));
}

export async function tokenAnswer(response: Response): Promise<TokenAnswer> {
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as TokenAnswer;
}

export const ACCOUNT_QUERY = 'query { account { id name } }';
export const ACCOUNT_ANSWER = {
  account: { id: 'Z2lkOi8vSm9iYmVyL0FjY291bnQvNDMwMTE0', name: 'Maple Street Plumbing' },
};

export function graphql(
  jobber: JobberSimulator,
  accessToken: string | undefined,
  query = ACCOUNT_QUERY,
  { headers = {}, variables = {} }: { headers?: Record<string, string>; variables?: object } = {},
): Promise<Response> {
  return fetch(`${jobber.url}/api/graphql`, {
    method: 'POST',
    redirect: 'manual',
    headers: {
      'Content-Type': 'application/json',
      'X-JOBBER-GRAPHQL-VERSION': '2026-05-12',
      ...(accessToken !== undefined && { Authorization: `Bearer ${accessToken}` }),
      ...headers,
    },
    body: JSON.stringify({ query, variables }),
  });
}

/** What a client sees of an answer. */
export async function seen(response: Response) {
  const body = await response.text();
  const type = response.headers.get('content-type')?.split(';')[0];
  return {
    status: response.status,
    type,
    body: type === 'application/json' ? JSON.parse(body) : body,
  };
}

export const INVALID_REFRESH_TOKEN = {
  status: 401,
  type: 'text/plain',
  body: 'The provided refresh token is not valid.',
};
export const INVALID_CODE = {
  status: 401,
  type: 'text/plain',
  body: 'The provided authorization code is not valid.',
};
export const WRONG_CLIENT = {
  status: 401,
  type: 'text/plain',
  body: 'Client authentication failed.',
};
export const UNRECOGNIZED = {
  status: 401,
  type: 'application/json',
  body: { message: 'Token not recognized' },
};
