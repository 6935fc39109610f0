import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { SWEEP_EVERY_MINUTES } from '../functions/manifest.ts';
import { activity, notingInvocations } from './activity.ts';
import { type Credentials, newCredentials, variablesOf } from './aws/credentials.ts';
import { startDynamoDb } from './aws/dynamodb.ts';
import { awsEndpoint } from './aws/endpoint.ts';
import { type BusEvent, EVENT_BUS, type LocalEventBus, localEventBus } from './aws/event-bus.ts';
import { startQueues } from './aws/queues.ts';
import {
  APP_SECRET,
  type LocalSecrets,
  localSecrets,
  SEALING_SECRET,
  SIGNING_SECRET,
} from './aws/secrets.ts';
import { recordingFront, streamConsumer } from './aws/table-stream.ts';
import { createClientsTable, createConnectionsTable } from './aws/tables.ts';
import { bundledFunctions } from './bundled-functions.ts';
import { functionsInProcess, type Invoke, type OwnFunctions } from './functions.ts';
import { httpFront } from './http-front.ts';
import { type JobberSimulator, startJobberSimulator } from './jobber/simulator.ts';
import { close, listen, portError } from './listen.ts';
import { OneClearLine } from './one-clear-line.ts';
import { consolePage } from './page/console.ts';

export interface LocalSystemOptions {
  /** Of the HTTP front; the simulator and the AWS endpoint take the next two. 0: any free ones. */
  readonly port: number;
  /** Keeps the connections, the sealing key and the simulator's state. */
  readonly folder: string;
  /** The real Jobber, or another server that speaks the same; without it the simulator. */
  readonly jobber?: { clientId: string; clientSecret: string; baseUrl: string } | undefined;
  /** The owner's functions, which this system runs beside its own. @default - none */
  readonly own?: OwnFunctions | undefined;
  /** The folder of a synthesized app, to run the functions as it deploys them. */
  readonly assembly?: string | undefined;
}

export interface LocalSystem {
  readonly folder: string;
  readonly url: string;
  /** With real credentials the page asks for it. Not in an address: those of a browser's command line are in the list of processes. */
  readonly pageKey: string | undefined;
  readonly jobberUrl: string;
  /** Answers GetSecretValue, PutEvents and Invoke. */
  readonly awsUrl: string;
  /** What `jobber-tokens/client`, an AWS SDK or the AWS CLI needs to talk to this system; holds its credentials. */
  readonly environment: Readonly<Record<string, string>>;
  readonly simulator: JobberSimulator | undefined;
  readonly secrets: LocalSecrets;
  readonly db: DynamoDBDocumentClient;
  readonly bus: LocalEventBus;
  readonly invoke: Invoke;
  close(): Promise<void>;
}

const CONNECTIONS_TABLE = 'jobber-connections';
const CLIENTS_TABLE = 'clients';

/**
 * Starts everything on this machine. The functions are configured through `process.env`, as on Lambda,
 * so one process runs one system.
 * @throws OneClearLine
 */
export async function startLocalSystem(options: LocalSystemOptions): Promise<LocalSystem> {
  const { port, folder, own = {} } = options;
  const nextPort = (step: number) => (port === 0 ? 0 : port + step);
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    makeFolder(folder);
    const credentials = newCredentials();
    useOwnAwsSettings(credentials);
    const log = activity();
    const invoke: Invoke = (name, event) => lambda.invoke(name, event);
    const noted = notingInvocations(invoke, log);
    const dynamoDb = await startDynamoDb(credentials, join(folder, 'dynamodb'));
    stops.push(() => dynamoDb.close());
    const tableName = `${dynamoDb.tablePrefix}${CONNECTIONS_TABLE}`;
    const clientsTable = `${dynamoDb.tablePrefix}${CLIENTS_TABLE}`;
    const changes = streamConsumer(invoke);
    stops.push(() => changes.close());
    const tables = recordingFront(credentials, dynamoDb, changes.record);
    const tablesUrl = `http://127.0.0.1:${await listen(tables, 0)}`;
    stops.push(() => close(tables));
    // The page's own, past the stream: it changes no status.
    const db = DynamoDBDocumentClient.from(
      new DynamoDBClient({ endpoint: dynamoDb.endpoint, credentials: dynamoDb.credentials }),
    );
    stops.push(async () => db.destroy());
    await createConnectionsTable(db, tableName);
    await createClientsTable(db, clientsTable);

    const queues = await startQueues(credentials, join(folder, 'sqs'));
    stops.push(() => queues.close());

    const simulator = options.jobber
      ? undefined
      : await startSimulator(nextPort(1), join(folder, 'jobber.json'));
    if (simulator) stops.push(() => simulator.close());
    const jobber = options.jobber ?? {
      baseUrl: simulator?.url ?? '',
      clientId: simulator?.settings.clientId ?? '',
      clientSecret: simulator?.settings.clientSecret ?? '',
    };

    const secrets = localSecrets(join(folder, 'sealing-key.json'), jobber);
    const bus = localEventBus((event) => log.note(inWords(event)));
    const aws = awsEndpoint(credentials, secrets, bus, {
      has: (name) => lambda.has(name),
      invoke: noted,
    });
    const awsUrl = `http://127.0.0.1:${await listen(aws, nextPort(2))}`;
    stops.push(() => close(aws));

    const front = httpFront(noted, (request, response) => page(request, response));
    const url = `http://localhost:${await listen(front, port)}`;
    stops.push(() => close(front));

    const environment = {
      ...variablesOf(credentials),
      AWS_ENDPOINT_URL_DYNAMODB: tablesUrl,
      AWS_ENDPOINT_URL_SQS: queues.endpoint,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: awsUrl,
      AWS_ENDPOINT_URL_EVENTBRIDGE: awsUrl,
      AWS_ENDPOINT_URL_LAMBDA: awsUrl,
      JOBBER_TOKENS_GET_TOKEN_FUNCTION: 'get-token',
      JOBBER_TOKENS_DISCONNECT_FUNCTION: 'disconnect',
      JOBBER_TOKENS_CONNECT_LINK_FUNCTION: 'create-connect-link',
      JOBBER_BASE_URL: jobber.baseUrl,
    };
    const resources = {
      TABLE_NAME: tableName,
      APP_SECRET_ID: APP_SECRET,
      SEALING_SECRET_ID: SEALING_SECRET,
      SIGNING_SECRET_ID: SIGNING_SECRET,
      REFRESH_QUEUE_URL: queues.urls.refresh,
      ESCROW_QUEUE_URL: queues.urls.escrow,
      EVENT_BUS_NAME: EVENT_BUS,
      PUBLIC_URL: url,
    };
    const settings = {
      CLIENT_ID: jobber.clientId,
      RETURN_TO_ORIGINS: url,
      JOBBER_BASE_URL: jobber.baseUrl,
      CLIENTS_TABLE: clientsTable,
    };
    Object.assign(process.env, environment, resources, settings);
    const lambda = options.assembly
      ? bundledFunctions(
          options.assembly,
          resources,
          { ...environment, ...settings, ...powertools() },
          own,
        )
      : functionsInProcess(own);
    stops.push(async () => lambda.close());
    queues.deliverTo(noted);
    if (simulator) {
      Object.assign(simulator.settings, {
        redirectUris: [`${url}/oauth/callback`],
        callbackUrl: `${url}/oauth/callback`,
        manageUrl: `${url}/oauth/manage`,
        webhookUrl: `${url}/webhooks/jobber`,
      });
    }
    const key = simulator ? undefined : randomBytes(16).toString('base64url');
    const page = consolePage({ url, tableName, db, simulator, lambda, log, key });

    const sweeping = setInterval(() => {
      noted('refresh-sweep', {}).catch(() => undefined);
    }, SWEEP_EVERY_MINUTES * 60_000);
    stops.push(async () => clearInterval(sweeping));

    return {
      folder,
      url,
      pageKey: key,
      jobberUrl: jobber.baseUrl,
      awsUrl,
      environment,
      simulator,
      secrets,
      db,
      bus,
      invoke,
      close: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function inWords({ 'detail-type': type, detail }: BusEvent): string {
  const { accountName, accountId, topic, reason } = detail;
  return `Event: ${type}, ${[accountName ?? accountId, topic, reason].filter(Boolean).join(', ')}`;
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  } catch (error) {
    throw new OneClearLine(`The folder ${folder} cannot be made: ${(error as Error).message}`);
  }
}

/** A profile or endpoint of somebody's real account has no say here. */
function useOwnAwsSettings(credentials: Credentials): void {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('AWS_')) delete process.env[name];
  }
  Object.assign(process.env, variablesOf(credentials));
}

/** How much the functions log and count, as for those in this process. */
function powertools(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name.startsWith('POWERTOOLS_')),
  ) as Record<string, string>;
}

async function startSimulator(port: number, stateFile: string): Promise<JobberSimulator> {
  try {
    return await startJobberSimulator({ port, stateFile });
  } catch (error) {
    const known = portError(error, port);
    throw known instanceof OneClearLine ? known : new OneClearLine((error as Error).message);
  }
}
