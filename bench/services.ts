import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EVENT_BUS } from '../local/aws/event-bus.ts';
import { APP_SECRET, SEALING_SECRET, SIGNING_SECRET } from '../local/aws/secrets.ts';
import { createConnectionsTable } from '../local/aws/tables.ts';
import { type RemoteControl, simulatorControl } from '../local/jobber/control-client.ts';
import type { Variable } from '../shared/runtime/environment.ts';
import { startProcess } from './processes.ts';

/** Where everything is; sent to worker processes as JSON. */
export interface Addresses {
  readonly tableUrl: string;
  readonly jobberUrl: string;
  readonly sqsUrl: string;
  /** Of Secrets Manager and EventBridge. */
  readonly secretsUrl: string;
  readonly refreshQueue: string;
  readonly escrowQueue: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly sealing: { readonly id: string; readonly value: string };
}

/** The embedded DynamoDB, or the one at `DYNAMODB_ENDPOINT`, such as AWS's own DynamoDB Local. */
export type Store = 'dynalite' | 'DYNAMODB_ENDPOINT';

export interface Services {
  readonly at: Addresses;
  readonly store: Store;
  readonly jobber: RemoteControl;
  /** What an authorization of each account ends in. */
  grant(accounts: readonly number[]): Promise<{ accessToken: string; refreshToken: string }[]>;
  /** The CPU time that the table's process has used; `undefined` if it is not ours. */
  tableCpuMs(): Promise<number | undefined>;
  /** A new table of connections with its indexes; returns its name. */
  newTable(): Promise<string>;
  stop(): Promise<void>;
}

/**
 * DynamoDB in one process, the embedded one unless `tableUrl` names another; Jobber, SQS and Secrets Manager in another
 * process, so that neither waits for what the other computes.
 */
export async function startServices(tableUrl?: string): Promise<Services> {
  const table = tableUrl ? undefined : await startProcess<{ url: string }>('table-process.ts');
  const others = await startProcess<Omit<Addresses, 'tableUrl'>>('services-process.ts');
  const at: Addresses = { tableUrl: tableUrl ?? table?.first.url ?? '', ...others.first };
  const client = new DynamoDBClient({ endpoint: at.tableUrl });
  return {
    at,
    store: table ? 'dynalite' : 'DYNAMODB_ENDPOINT',
    jobber: simulatorControl(at.jobberUrl),
    grant: (accounts) => others.ask(accounts),
    tableCpuMs: async () => table?.ask<number>({}),
    async newTable() {
      const name = `connections-${randomUUID()}`;
      await createConnectionsTable(client, name);
      return name;
    },
    async stop() {
      client.destroy();
      await Promise.all([table?.stop(), others.stop()]);
    },
  };
}

/** The environment of a function, as it is deployed, but for the addresses. */
export function environmentOf(at: Addresses, tableName: string): NodeJS.ProcessEnv {
  const variables = {
    TABLE_NAME: tableName,
    APP_SECRET_ID: APP_SECRET,
    SEALING_SECRET_ID: SEALING_SECRET,
    SIGNING_SECRET_ID: SIGNING_SECRET,
    CLIENT_ID: at.clientId,
    REFRESH_QUEUE_URL: at.refreshQueue,
    ESCROW_QUEUE_URL: at.escrowQueue,
    EVENT_BUS_NAME: EVENT_BUS,
    PUBLIC_URL: 'https://example.com',
    JOBBER_BASE_URL: at.jobberUrl,
  } satisfies Partial<Record<Variable, string>>;
  return {
    AWS_ENDPOINT_URL_DYNAMODB: at.tableUrl,
    AWS_ENDPOINT_URL_SQS: at.sqsUrl,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: at.secretsUrl,
    AWS_ENDPOINT_URL_EVENTBRIDGE: at.secretsUrl,
    ...variables,
  };
}
