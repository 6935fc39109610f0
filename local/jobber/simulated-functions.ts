import { createServer, type IncomingMessage, type Server } from 'node:http';
import type {
  DisconnectResponse,
  GetTokenRequest,
  GetTokenResponse,
} from '../../shared/client/contract.ts';
import { failure } from '../../shared/client/contract.ts';
import { canonicalAccountId } from '../../shared/jobber/account-id.ts';
import {
  DisconnectedError,
  NotConnectedError,
  ReconnectRequiredError,
  type TokenError,
} from '../../shared/tokens/errors.ts';
import { parseAccountId } from './accounts.ts';
import { type Answer, json, readText, send } from './http.ts';
import { refusalOf } from './own-machine.ts';
import type { JobberSimulator } from './simulator.ts';

/** What the stand-in for `get-token` keeps of a connection. */
interface Stored {
  accessToken: string;
  refreshToken: string;
  expiresAt: number;
  end?: TokenError;
}

export interface SimulatedFunctions {
  readonly server: Server;
  /** Stores a new grant, as a connect does. Returns the account's id. */
  connect(accountId: number | string): string;
  /** Back to no connection. */
  reset(): void;
}

const INVOKE = /^\/2015-03-31\/functions\/(get-token|disconnect)\/invocations$/;

/**
 * Answers an AWS SDK that invokes `get-token` or `disconnect` as they would, for tests of what uses them. They keep the tokens in
 * memory and refresh them at the simulator, one caller after the other; there is no table, lease, or second container.
 */
export function simulatedFunctions(
  simulator: JobberSimulator,
  now: () => number,
): SimulatedFunctions {
  const connections = new Map<string, Stored>();
  let last: Promise<unknown> = Promise.resolve();

  const server = createServer(async (request, response) => {
    const answered = last.then(() => answer(request));
    last = answered.catch(() => undefined);
    send(response, await answered.catch((error: Error) => json(500, { message: error.message })));
  });
  return { server, connect, reset: () => connections.clear() };

  function connect(account: number | string): string {
    const accountId = canonicalAccountId(String(account));
    const expiresAt = nowInSeconds() + simulator.settings.accessTokenLifetimeSeconds;
    connections.set(accountId, { ...simulator.issueGrant(account), expiresAt });
    return accountId;
  }

  async function answer(request: IncomingMessage): Promise<Answer> {
    // The media type is the SDK's own; a page of another origin sends an origin.
    const refusal = refusalOf(request);
    if (refusal?.status === 403) return json(403, { message: refusal.message });
    const [, name] = INVOKE.exec(request.url ?? '') ?? [];
    const event = JSON.parse((await readText(request)) || '{}');
    if (name === 'get-token') return json(200, await getToken(event));
    if (name === 'disconnect') return json(200, disconnect(event));
    return { ...json(404, {}), headers: { 'x-amzn-errortype': 'ResourceNotFoundException' } };
  }

  async function getToken(request: GetTokenRequest): Promise<GetTokenResponse> {
    const { minValiditySeconds = 60, rejectedToken } = request;
    const accountId = canonicalAccountId(request.accountId);
    const stored = connections.get(accountId);
    if (!stored) return refused(new NotConnectedError());
    const expires = stored.expiresAt - nowInSeconds() < minValiditySeconds;
    const isDue = expires || stored.accessToken === rejectedToken;
    if (!stored.end && isDue && !(await refresh(stored))) {
      stored.end = new ReconnectRequiredError('revoked');
    }
    if (stored.end) return refused(stored.end);
    return { ok: true, accountId, accessToken: stored.accessToken, expiresAt: stored.expiresAt };
  }

  function disconnect(request: { accountId: string }): DisconnectResponse {
    const accountId = canonicalAccountId(request.accountId);
    const stored = connections.get(accountId);
    if (!stored) return refused(new NotConnectedError());
    stored.end = new DisconnectedError();
    if (parseAccountId(accountId) !== undefined) simulator.disconnect(accountId);
    return { ok: true, accountId, status: 'disconnected' };
  }

  /** @returns whether Jobber gave new tokens */
  async function refresh(stored: Stored): Promise<boolean> {
    const { clientId, clientSecret } = simulator.settings;
    const response = await fetch(`${simulator.url}/api/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        client_id: clientId,
        client_secret: clientSecret,
        grant_type: 'refresh_token',
        refresh_token: stored.refreshToken,
      }),
    });
    if (!response.ok) return false;
    const { access_token, refresh_token } = (await response.json()) as Record<string, string>;
    stored.accessToken = access_token ?? '';
    stored.refreshToken = refresh_token ?? stored.refreshToken;
    stored.expiresAt = nowInSeconds() + simulator.settings.accessTokenLifetimeSeconds;
    return true;
  }

  function nowInSeconds(): number {
    return Math.floor(now() / 1000);
  }
}

const refused = ({ code, message, retryable }: TokenError) =>
  failure(code as 'not_connected', message, retryable);
