import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../runtime/clock.ts';
import { REDEEM } from '../tokens/budgets.ts';
import type { Redeem, Redemption, TokenEndpoint } from '../tokens/token-endpoint.ts';
import { exchange } from './http.ts';
import { readTokenResponse } from './token-response.ts';
import { unverifiedClaims } from './unverified-claims.ts';

export interface AppCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Where the app's credentials come from. All reject if they cannot be read. */
export interface CredentialSource {
  /** As read within the last minutes. */
  get(): Promise<AppCredentials>;
  /** As they are now. */
  reload(): Promise<AppCredentials>;
  /** Those before the current ones, unless they were replaced longer ago than `acceptedFor` milliseconds. */
  previous(acceptedFor: number): Promise<AppCredentials | undefined>;
}

export interface JobberTokenEndpoint extends TokenEndpoint {
  /**
   * Exchanges an authorization code (RFC 6749, section 4.1.3); `refused` means that the code is.
   * Rejects only if the credentials cannot be read.
   */
  exchangeCode(
    code: string,
    redirectUri: string,
    timeoutMs: number,
  ): Promise<Redemption & { clientId: string }>;
}

/** By the claim `account_id` of Jobber's access tokens, which only Jobber can verify. */
function accountOfToken(accessToken: string): string | undefined {
  const { account_id: account } = unverifiedClaims(accessToken);
  return typeof account === 'number' || typeof account === 'string' ? String(account) : undefined;
}

const LEAST_FOR_A_CODE_MS = 1_000;

/** `POST /api/oauth/token`: form-encoded, the client's credentials in the body. */
export function jobberTokenEndpoint({
  baseUrl,
  credentials,
  clock,
}: {
  baseUrl: string;
  credentials: Pick<CredentialSource, 'get' | 'reload'>;
  clock: Clock;
}): JobberTokenEndpoint {
  return {
    accountOf: accountOfToken,
    async prepare() {
      const app = await credentials.get();
      const redeem: Redeem = (refreshToken, timeoutMs) =>
        requestTokens(
          app,
          { grant_type: 'refresh_token', refresh_token: refreshToken },
          timeoutMs,
          REDEEM,
        );
      return { redeem, clientId: app.clientId };
    },
    async exchangeCode(code, redirectUri, timeoutMs) {
      const app = await credentials.get();
      const grant = { grant_type: 'authorization_code', code, redirect_uri: redirectUri };
      const answer = await requestTokens(app, grant, timeoutMs, LEAST_FOR_A_CODE_MS);
      return { ...answer, clientId: app.clientId };
    },
  };

  /**
   * If the secret is rejected and has changed meanwhile, tries once more with the new one; all within
   * `timeoutMs`, since the caller may be stopped when they are over. An answer that comes later than one waits for is a
   * rotation lost: nothing is sent with less than `leastMs` left.
   */
  async function requestTokens(
    app: AppCredentials,
    grant: Record<string, string>,
    timeoutMs: number,
    leastMs: number,
  ): Promise<Redemption> {
    const endsAt = clock.now() + timeoutMs;
    const first = await post(app, grant, timeoutMs);
    if (first.outcome !== 'client_rejected') return first;

    const timeToReload = Math.max(0, endsAt - clock.now() - leastMs);
    const outOfTime = delay(timeToReload, app, { ref: false });
    const current = await Promise.race([credentials.reload().catch(() => app), outOfTime]);
    const timeLeft = endsAt - clock.now();
    const isRolled = current.clientId === app.clientId && current.clientSecret !== app.clientSecret;
    return isRolled && timeLeft >= leastMs ? post(current, grant, timeLeft) : first;
  }

  async function post(
    app: AppCredentials,
    grant: Record<string, string>,
    timeoutMs: number,
  ): Promise<Redemption> {
    const answer = await exchange(
      `${baseUrl}/api/oauth/token`,
      {
        headers: {
          accept: 'application/json',
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams({
          client_id: app.clientId,
          client_secret: app.clientSecret,
          ...grant,
        }).toString(),
      },
      timeoutMs,
    );
    return readTokenResponse(answer, grant['refresh_token'], clock.now());
  }
}
