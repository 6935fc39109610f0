import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { inject } from 'vitest';
import { readAssembly } from '../../local/assembly.ts';
import { newCredentials, variablesOf } from '../../local/aws/credentials.ts';
import { awsEndpoint } from '../../local/aws/endpoint.ts';
import { EVENT_BUS, localEventBus } from '../../local/aws/event-bus.ts';
import { startQueues } from '../../local/aws/queues.ts';
import {
  APP_SECRET,
  localSecrets,
  SEALING_SECRET,
  SIGNING_SECRET,
} from '../../local/aws/secrets.ts';
import { createConnectionsTable } from '../../local/aws/tables.ts';
import { browser } from '../../local/browser.ts';
import type { Invoke } from '../../local/functions.ts';
import { httpFront } from '../../local/http-front.ts';
import { encodeAccountId } from '../../local/jobber/accounts.ts';
import { close, listen } from '../../local/listen.ts';
import type { GetTokenRequest, GetTokenResponse } from '../../shared/client/contract.ts';
import { watchBreaker } from '../chaos/breaker-watch.ts';
import { type TableProxy, tableProxy } from '../chaos/table-proxy.ts';
import { APP, type CertifiedServer, startCertifiedServer } from './authorization-server.ts';
import { type FrozenLambda, frozenLambda } from './lambda.ts';

/** The attributes that a test looks at. */
export type Item = Readonly<Record<string, unknown>>;

export interface CertifiedSystem {
  readonly server: CertifiedServer;
  readonly lambda: FrozenLambda;
  /** Between the functions and the table. */
  readonly table: Pick<TableProxy, 'begin' | 'met'>;
  /** Connects an account as a browser does; returns the last page. */
  connect(account: number): Promise<string>;
  getToken(
    account: number,
    options?: Omit<GetTokenRequest, 'accountId'>,
  ): Promise<GetTokenResponse>;
  /** In a process that has no token in its memory. */
  getTokenCold(account: number): Promise<GetTokenResponse>;
  /** Visits all connections. */
  sweep(): Promise<unknown>;
  item(account: number): Promise<Item | undefined>;
  /** Makes the table believe that the tokens of the account were issued an hour before they end. */
  endsIn(account: number, seconds: number): Promise<void>;
  /** Messages of the escrow queue, those in delivery included. */
  escrowed(): Promise<number>;
  close(): Promise<void>;
}

/** The functions of an assembly in containers, on a DynamoDB, an SQS and a certified authorization server. */
export async function certifiedSystem(assembly: string): Promise<CertifiedSystem> {
  const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-certified-'));
  const stops: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
  const invoke: Invoke = (name, event) => lambda.invoke(name, event);

  const front = httpFront(invoke, async () => false);
  const url = `http://localhost:${await listen(front, 0)}`;
  stops.push(() => close(front));
  const server = await startCertifiedServer(`${url}/oauth/callback`);
  stops.push(() => server.close());

  const endpoint = inject('dynamoDbEndpoint');
  const TableName = `certified-${crypto.randomUUID()}`;
  const db = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint }));
  stops.push(() => db.destroy());
  await createConnectionsTable(db, TableName);
  const never = {
    random: { next: () => 0 } as never,
    slowMs: 0,
    passing: () => undefined,
    breaker: watchBreaker(Date.now),
  };
  const table = await tableProxy(endpoint, never);
  stops.push(() => table.close());

  const credentials = newCredentials();
  const queues = await startQueues(credentials, join(folder, 'sqs'));
  const sqs = new SQSClient({ endpoint: queues.endpoint, credentials });
  stops.push(() => sqs.destroy());

  const secrets = localSecrets(join(folder, 'sealing-key.json'), APP);
  const aws = awsEndpoint(
    credentials,
    secrets,
    localEventBus(() => undefined),
    { has: () => true, invoke },
  );
  const awsUrl = `http://127.0.0.1:${await listen(aws, 0)}`;
  stops.push(() => close(aws));

  const resources = {
    TABLE_NAME: TableName,
    APP_SECRET_ID: APP_SECRET,
    SEALING_SECRET_ID: SEALING_SECRET,
    SIGNING_SECRET_ID: SIGNING_SECRET,
    REFRESH_QUEUE_URL: queues.urls.refresh,
    ESCROW_QUEUE_URL: queues.urls.escrow,
    EVENT_BUS_NAME: EVENT_BUS,
    PUBLIC_URL: url,
  };
  const lambda = frozenLambda(readAssembly(assembly, resources), {
    ...variablesOf(credentials),
    AWS_ENDPOINT_URL_DYNAMODB: table.url,
    AWS_ENDPOINT_URL_SQS: queues.endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: awsUrl,
    JOBBER_BASE_URL: server.url,
    CLIENT_ID: APP.clientId,
    POWERTOOLS_LOG_LEVEL: process.env['POWERTOOLS_LOG_LEVEL'] ?? 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
  });
  stops.push(() => queues.close());
  stops.push(() => lambda.close());
  queues.deliverTo(invoke);

  return {
    server,
    lambda,
    table,
    async connect(account) {
      const { get } = browser();
      const start = await get(`${url}/oauth/connect`);
      const agreed = await fetch(`${start.headers.get('location')}&account=${account}`, {
        redirect: 'manual',
      });
      const location = agreed.headers.get('location');
      if (!location) throw new Error(await agreed.text());
      return (await get(location)).text();
    },
    getToken: (account, options) =>
      invoke('get-token', {
        accountId: encodeAccountId(account),
        ...options,
      }) as Promise<GetTokenResponse>,
    getTokenCold: (account) =>
      lambda.invokeCold('get-token', {
        accountId: encodeAccountId(account),
      }) as Promise<GetTokenResponse>,
    sweep: () => invoke('refresh-sweep', { everything: true }),
    async item(account) {
      const accountId = encodeAccountId(account);
      const get = new GetCommand({ TableName, Key: { accountId }, ConsistentRead: true });
      return (await db.send(get)).Item;
    },
    async endsIn(account, seconds) {
      const end = Math.floor(Date.now() / 1000) + seconds;
      await db.send(
        new UpdateCommand({
          TableName,
          Key: { accountId: encodeAccountId(account) },
          UpdateExpression: 'SET accessTokenExpiresAt = :end, refreshedAt = :earlier',
          ExpressionAttributeValues: { ':end': end, ':earlier': end - 3_600 },
        }),
      );
    },
    async escrowed() {
      const { Attributes = {} } = await sqs.send(
        new GetQueueAttributesCommand({
          QueueUrl: queues.urls.escrow,
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
        }),
      );
      return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
    },
    async close() {
      for (const stop of stops.reverse()) await stop();
    },
  };
}
