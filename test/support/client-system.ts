import { onTestFinished, vi } from 'vitest';
import { encodeAccountId } from '../../local/jobber/accounts.ts';
import { type JobberSimulatorOptions, startJobberSimulator } from '../../local/jobber/simulator.ts';
import { accessTokens } from '../../shared/client/access-tokens.ts';
import type { GetTokenRequest, GetTokenResponse } from '../../shared/client/contract.ts';
import { jobberClient } from '../../shared/client/jobber-client.ts';
import { eachOnce } from '../../shared/jobber/api-version.ts';
import { jobberTokenEndpoint } from '../../shared/jobber/token-endpoint.ts';
import { plus, toSeconds } from '../../shared/runtime/clock.ts';
import { breakerItem } from '../../shared/tokens/breaker-item.ts';
import { circuitBreaker } from '../../shared/tokens/circuit-breaker.ts';
import { type AnyTokenError, TokenError } from '../../shared/tokens/errors.ts';
import { saveGrant } from '../../shared/tokens/save-grant.ts';
import { tokenHelper } from '../../shared/tokens/token-helper.ts';
import { testTable } from './connections.ts';
import { fakeClock } from './fake-clock.ts';
import { testKeys } from './token-system.ts';

export const MAPLE = 430114;
export const accountId = encodeAccountId(MAPLE);
const LIFETIME_S = 3_600;

/**
 * The client as another Lambda has it, on the real token helper, a real table and a simulated Jobber, all at
 * one time that only the test and what waits in it move. The account is connected, its token a few minutes old.
 */
export async function clientSystem(options: JobberSimulatorOptions = {}) {
  const clock = fakeClock();
  const jobber = await startJobberSimulator({ now: clock.now, ...options });
  onTestFinished(() => jobber.close());
  const keys = testKeys();
  const { table, client, tableName } = await testTable();
  const { clientId, clientSecret } = jobber.settings;
  const credentials = { get, reload: get };
  async function get() {
    return { clientId, clientSecret };
  }
  const helper = tokenHelper({
    table,
    endpoint: jobberTokenEndpoint({ baseUrl: jobber.url, credentials, clock }),
    breaker: circuitBreaker({ item: breakerItem(client, tableName), clock }),
    escrow: { keep: async () => undefined },
    keys,
    clock,
    telemetry: { count: () => {}, tokenEndpointLatency: () => {}, lastResort: () => {} },
  });

  const invocations: GetTokenRequest[] = [];
  const warnings: string[] = [];
  const requests = vi.spyOn(globalThis, 'fetch');
  onTestFinished(() => requests.mockRestore());

  /** What a container has of its own. */
  function startContainer(graphqlVersion = '2026-05-12') {
    const warnOnce = eachOnce((message) => void warnings.push(message));
    return jobberClient({
      tokens: accessTokens({ invoke, clock }),
      api: {
        baseUrl: jobber.url,
        graphqlVersion,
        onVersionNotice: ({ message }) => warnOnce(message),
      },
      clock,
    });
  }

  async function invoke(request: GetTokenRequest): Promise<GetTokenResponse> {
    invocations.push(request);
    const { accountId, ...rest } = request;
    try {
      return {
        ok: true,
        ...(await helper.getAccessToken(accountId, { ...rest, deadline: deadline() })),
      };
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      const { code, message, retryable } = error as AnyTokenError;
      return { ok: false, error: { code, message, retryable } };
    }
  }

  /** As get-token gives it. */
  const deadline = () => plus(clock.now(), 179_000);

  async function connect() {
    const connectedAt = clock.now();
    const grant = {
      ...jobber.issueGrant(MAPLE),
      expiresAt: plus(toSeconds(connectedAt), LIFETIME_S),
      accountId,
      accountName: 'Maple Street Plumbing',
      clientId,
      connectedAt,
    };
    await saveGrant({ table, clock }, await keys.current(), grant, plus(connectedAt, 10_000));
    clock.advance(5 * 60_000);
  }
  await connect();

  return {
    clock,
    jobber,
    /** Behind get-token. */
    helper,
    invocations,
    warnings,
    connect,
    startContainer,
    client: startContainer(),
    /** To GraphQL, in order. */
    graphqlRequests: () =>
      requests.mock.calls.filter(([url]) => String(url).endsWith('/api/graphql')),
    redemptions: () => jobber.auditAccount(MAPLE).redemptions,
    async status() {
      const found = await table.get(accountId);
      return found && 'statusReason' in found
        ? `${found.status}/${found.statusReason}`
        : found?.status;
    },
  };
}
