import { createHmac } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { FunctionName } from '../functions/manifest.ts';
import { encodeAccountId } from '../local/jobber/accounts.ts';
import { SIGNATURE_HEADER } from '../shared/jobber/webhook-signature.ts';
import type { ActiveConnection } from '../shared/tokens/connection.ts';
import { connectionTable } from '../shared/tokens/connection-table.ts';
import { encodeRotation } from '../shared/tokens/escrow.ts';
import { ours } from './ours.ts';
import type { Services } from './services.ts';

const ACCOUNT = 3_000_000;

/** A connection of that account is stored, and not due. */
export const STORED_ACCOUNT = encodeAccountId(ACCOUNT);

/** For each function an event that it answers well, as often as it is sent. */
export async function firstEvents(
  services: Services,
  tableName: string,
): Promise<Record<FunctionName, unknown>> {
  const { at } = services;
  const db = new DynamoDBClient({ endpoint: at.tableUrl });
  const accountId = STORED_ACCOUNT;
  const [tokens = { accessToken: '', refreshToken: '' }] = await services.grant([ACCOUNT]);
  await ours({ at, db, tableName }).save(accountId, tokens);
  const table = connectionTable(DynamoDBDocumentClient.from(db), tableName);
  const connection = (await table.get(accountId)) as ActiveConnection;
  db.destroy();
  // Superseded: the token that it says it redeemed is not the stored one.
  const rotation = encodeRotation({
    accountId,
    redeemed: Buffer.from('another') as never,
    successor: connection,
  });
  return {
    'oauth-connect': httpEvent('GET /oauth/connect'),
    'oauth-callback': httpEvent('GET /oauth/callback'),
    jwks: httpEvent('GET /.well-known/jwks.json'),
    'jobber-webhook': earlierDisconnect(at.clientSecret),
    'create-connect-link': {},
    'get-token': { accountId },
    disconnect: { accountId: 'nobody' },
    'refresh-sweep': {},
    'refresh-connection': message(JSON.stringify({ accountId })),
    'publish-changes': established(connection),
    'save-rotation': message(rotation),
  };
}

const message = (body: string) => ({
  Records: [{ messageId: '1', eventSource: 'aws:sqs', body }],
});

/** From before the stored grant: it ends nothing. */
function earlierDisconnect(clientSecret: string) {
  const body = JSON.stringify({
    data: {
      webHookEvent: {
        topic: 'APP_DISCONNECT',
        appId: '1',
        accountId: STORED_ACCOUNT,
        itemId: STORED_ACCOUNT,
        occurredAt: '2021-08-12T16:31:36-06:00',
      },
    },
  });
  const signature = createHmac('sha256', clientSecret).update(body).digest('base64');
  return httpEvent('POST /webhooks/jobber', body, { [SIGNATURE_HEADER]: signature });
}

function established({ accountId, accountName, grantId, connectedAt }: ActiveConnection) {
  const NewImage = {
    accountId: { S: accountId },
    accountName: { S: accountName },
    grantId: { S: grantId },
    rotation: { N: '0' },
    status: { S: 'active' },
    connectedAt: { N: String(connectedAt) },
  };
  return { Records: [{ dynamodb: { NewImage, SequenceNumber: '1' } }] };
}

function httpEvent(routeKey: string, body?: string, headers: Record<string, string> = {}) {
  const [method, path] = routeKey.split(' ');
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: '',
    headers: { host: 'example.com', ...headers },
    requestContext: { http: { method, path, sourceIp: '127.0.0.1' }, requestId: '1', routeKey },
    body,
    isBase64Encoded: false,
  };
}
