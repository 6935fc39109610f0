import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { SweepResult } from '../../functions/refresh-sweep.ts';
import { createConnectionsTable } from '../../local/aws/tables.ts';
import { browser } from '../../local/browser.ts';
import { encodeAccountId } from '../../local/jobber/accounts.ts';
import type { JobberSimulator } from '../../local/jobber/simulator.ts';
import { ageInTable, listConnections } from '../../local/page/connections.ts';
import { type LocalSystem, startLocalSystem } from '../../local/system.ts';
import type { GetTokenResponse } from '../../shared/client/contract.ts';

export const MAPLE = 430114;
export const NORTHWIND = 518027;
export const idOf = encodeAccountId;

export interface TestSystem extends LocalSystem {
  readonly simulator: JobberSimulator;
  /** Connects an account as a browser does; returns the last page. */
  connect(account: number): Promise<string>;
  /** Connects an account as Jobber's marketplace does, without a state; returns the last page. `430114/1077989`: as this admin. */
  connectFromMarketplace(account: number | string): Promise<string>;
  /** Comes by the marketplace's button Manage App; returns where the browser ends, and what it is shown there. */
  manage(account: number | string): Promise<{ url: string; page: string }>;
  /** Connects an account whose access token has expired before anybody asked for it. */
  connectExpired(account: number): Promise<void>;
  getToken(request: unknown): Promise<GetTokenResponse>;
  /** Of all slots, unless it is told for when it is meant. */
  sweep(scheduledTime?: string): Promise<SweepResult>;
  /** Hands messages to `refresh-connection` as SQS does. */
  deliver(...bodies: string[]): Promise<SQSBatchResponse>;
  connections(): ReturnType<typeof listConnections>;
  /** What the table holds of a connection. */
  item(accountId: string): Promise<Record<string, unknown> | undefined>;
  /** Writes past the protocol. */
  put(item: Record<string, unknown>): Promise<void>;
  remove(accountId: string): Promise<void>;
  /** No table, until the returned function brings back an empty one. */
  tableOutage(): Promise<() => Promise<void>>;
  /** An hour passes for the account's access token. */
  expire(account: number): Promise<void>;
}

/**
 * The whole local system in this process, in a folder of its own; with its functions, but for those of an assembly.
 * Jobber sends webhooks only if told to: otherwise nobody hears of a disconnect.
 */
export async function testSystem({
  assembly,
  webhooks = false,
}: {
  assembly?: string;
  webhooks?: boolean;
} = {}): Promise<TestSystem> {
  const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-test-'));
  const own = { 'sync-clients': resolve('examples/sync-clients.ts') };
  const system = await startLocalSystem({ port: 0, folder, assembly, own });
  const simulator = system.simulator as JobberSimulator;
  if (!webhooks) simulator.settings.webhookUrl = '';
  const TableName = process.env['TABLE_NAME'] ?? '';
  const marketplace = `${system.jobberUrl}/marketplace`;
  const atMarketplace = async (account: number | string) => {
    Object.assign(simulator.settings, {
      callbackUrl: `${system.url}/oauth/callback`,
      manageUrl: `${system.url}/oauth/manage`,
    });
    const user = browser();
    await user.submit(marketplace, new URLSearchParams({ action: 'sign-in', as: String(account) }));
    return user;
  };
  return {
    ...system,
    simulator,
    connect: (account) => browser().connect(`${system.url}/_local/connect`, account),
    async connectFromMarketplace(account) {
      const { follow, submit } = await atMarketplace(account);
      const authorize = await submit(marketplace, new URLSearchParams({ action: 'connect' }));
      const form = new URL(authorize).searchParams;
      form.set('account', String(account));
      form.set('decision', 'allow');
      const callback = await submit(authorize.replace(/\?.*/, ''), form);
      return (await follow(callback)).response.text();
    },
    async manage(account) {
      const { follow, submit } = await atMarketplace(account);
      const manage = await submit(marketplace, new URLSearchParams({ action: 'manage' }));
      const { url, response } = await follow(manage);
      return { url, page: await response.text() };
    },
    async connectExpired(account) {
      await browser().connect(`${system.url}/_local/connect`, account);
      await ageInTable(system.db, TableName, idOf(account));
    },
    getToken: (request) => system.invoke('get-token', request) as Promise<GetTokenResponse>,
    sweep: (scheduledTime) =>
      system.invoke(
        'refresh-sweep',
        scheduledTime ? { scheduledTime } : { everything: true },
      ) as Promise<SweepResult>,
    deliver: (...bodies) =>
      system.invoke('refresh-connection', sqsEvent(bodies)) as Promise<SQSBatchResponse>,
    connections: () => listConnections(system.db, TableName),
    async item(accountId) {
      return (await system.db.send(new GetCommand({ TableName, Key: { accountId } }))).Item;
    },
    async put(Item) {
      await system.db.send(new PutCommand({ TableName, Item }));
    },
    async remove(accountId) {
      await system.db.send(new DeleteCommand({ TableName, Key: { accountId } }));
    },
    async tableOutage() {
      await system.db.send(new DeleteTableCommand({ TableName }));
      return () => createConnectionsTable(system.db, TableName);
    },
    async expire(account) {
      // In this order: whoever is refused meanwhile finds a token that is old enough to be refreshed.
      await ageInTable(system.db, TableName, idOf(account));
      simulator.expireAccessTokens(account);
    },
    async close() {
      await system.close();
      rmSync(folder, { recursive: true });
    },
  };
}

const sqsEvent = (bodies: string[]) =>
  ({
    Records: bodies.map((body, index) => ({
      messageId: String(index),
      body,
      eventSource: 'aws:sqs',
    })),
  }) as SQSEvent;
