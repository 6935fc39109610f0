import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { jobberTokenEndpoint } from '../shared/jobber/token-endpoint.ts';
import { systemClock as clock, plus, toSeconds } from '../shared/runtime/clock.ts';
import { breakerItem } from '../shared/tokens/breaker-item.ts';
import { circuitBreaker } from '../shared/tokens/circuit-breaker.ts';
import { connectionTable } from '../shared/tokens/connection-table.ts';
import { saveGrant } from '../shared/tokens/save-grant.ts';
import type { RootKey } from '../shared/tokens/sealing.ts';
import { type TokenHelper, tokenHelper } from '../shared/tokens/token-helper.ts';
import { type Design, HOUR, type Setting } from './design.ts';

export interface Ours extends Design {
  /** A helper that has handed out no token yet, as after a cold start. */
  newHelper(): TokenHelper;
}

/** As long as a function has. */
export const inMinutes = () => plus(clock.now(), 3 * 60_000);

/** The token helper, put together as `shared/jobber/wiring.ts` does it for the functions. */
export function ours({ at, db, tableName }: Setting): Ours {
  const client = DynamoDBDocumentClient.from(db);
  const table = connectionTable(client, tableName);
  const { clientId, clientSecret } = at;
  const key: RootKey = { id: at.sealing.id, secret: Buffer.from(at.sealing.value) };
  const credentials = { get: app, reload: app };
  const dependencies = {
    table,
    breaker: circuitBreaker({ item: breakerItem(client, tableName), clock }),
    endpoint: jobberTokenEndpoint({ baseUrl: at.jobberUrl, credentials, clock }),
    escrow: { keep: () => Promise.reject(new Error('Nothing is put into escrow here.')) },
    keys: {
      current: async () => key,
      find: async (id: string) => (id === key.id ? key : undefined),
    },
    clock,
    telemetry: { count() {}, tokenEndpointLatency() {}, lastResort() {} },
  };
  const helper = tokenHelper(dependencies);

  return {
    newHelper: () => tokenHelper(dependencies),
    getToken: async (accountId) =>
      (await helper.getAccessToken(accountId, { deadline: inMinutes() })).accessToken,
    save: (accountId, tokens) =>
      saveGrant(
        { table, clock },
        key,
        {
          ...tokens,
          accountId,
          clientId,
          accountName: 'Maple Street Plumbing',
          connectedAt: clock.now(),
          expiresAt: plus(toSeconds(clock.now()), HOUR),
        },
        inMinutes(),
      ),
    async expire(accountId) {
      await client.send(
        new UpdateCommand({
          TableName: tableName,
          Key: { accountId },
          UpdateExpression: 'SET accessTokenExpiresAt = :past',
          ExpressionAttributeValues: { ':past': 0 },
        }),
      );
    },
  };

  async function app() {
    return { clientId, clientSecret };
  }
}
