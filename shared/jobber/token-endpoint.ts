import type { Clock } from '../runtime/clock.ts';
import type { Redeem, Redemption, TokenEndpoint } from '../tokens/token-endpoint.ts';
import { exchange } from './http.ts';
import { readTokenResponse } from './token-response.ts';

export interface AppCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Where the app's credentials come from. Both reject if they cannot be read. */
export interface CredentialSource {
  /** As read within the last minutes. */
  get(): Promise<AppCredentials>;
  /** As they are now. */
  reload(): Promise<AppCredentials>;
}

export interface JobberTokenEndpoint extends TokenEndpoint {
  /**
   * Exchanges an authorization code (RFC 6749, section 4.1.3); `refused` means that the code is.
   * Rejects only if the credentials cannot be read.
   */
  exchangeCode(code: string, redirectUri: string, timeoutMs: number): Promise<Redemption>;
}

/** `POST /api/oauth/token`: form-encoded, the client's credentials in the body. */
export function jobberTokenEndpoint({
  baseUrl,
  credentials,
  clock,
}: {
  baseUrl: string;
  credentials: CredentialSource;
  clock: Clock;
}): JobberTokenEndpoint {
  return {
    async prepare(): Promise<Redeem> {
      const app = await credentials.get();
      return (refreshToken, timeoutMs) =>
        requestTokens(app, { grant_type: 'refresh_token', refresh_token: refreshToken }, timeoutMs);
    },
    async exchangeCode(code, redirectUri, timeoutMs) {
      const app = await credentials.get();
      const grant = { grant_type: 'authorization_code', code, redirect_uri: redirectUri };
      return requestTokens(app, grant, timeoutMs);
    },
  };

  /** If the credentials are rejected and have changed meanwhile, tries once more with the new ones. */
  async function requestTokens(
    app: AppCredentials,
    grant: Record<string, string>,
    timeoutMs: number,
  ): Promise<Redemption> {
    const first = await post(app, grant, timeoutMs);
    if (first.outcome !== 'client_rejected') return first;
    const current = await credentials.reload().catch(() => app);
    const changed = current.clientId !== app.clientId || current.clientSecret !== app.clientSecret;
    return changed ? post(current, grant, timeoutMs) : first;
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
