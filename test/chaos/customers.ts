import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb';
import type { RemoteControl } from '../../local/jobber/control-client.ts';
import { type Clock, type EpochMs, type EpochSeconds, plus } from '../../shared/runtime/clock.ts';
import { VISIT_RESERVE, WARM_TURN } from '../../shared/tokens/budgets.ts';
import type { Connection } from '../../shared/tokens/connection.ts';
import { connectionTable } from '../../shared/tokens/connection-table.ts';
import { saveGrant } from '../../shared/tokens/save-grant.ts';
import { type KeyRing, unseal } from '../../shared/tokens/sealing.ts';
import { slotsBetween } from '../../shared/tokens/sweep-wheel.ts';
import { ALLOWED, type Finding, judge, type Verdict } from './audit.ts';
import type { Design } from './designs.ts';
import type { FastClock } from './fast-clock.ts';
import type { Journal } from './journal.ts';
import type { Services } from './messages.ts';
import type { Scenario } from './scenario.ts';

export interface CustomersOptions {
  readonly services: Services;
  readonly tableName: string;
  readonly scenario: Scenario;
  readonly design: Design;
  readonly clock: FastClock;
  readonly control: RemoteControl;
  readonly journal: Journal;
}

export interface Audited extends Finding {
  readonly accountId: string;
  readonly connection: Connection | undefined;
}

export type Customers = ReturnType<typeof findCustomers>;

/** Of the system's clock, which may run much faster than the table. */
const SAVE_WITHIN_MS = 10 * 60_000;
/** How long a connection of another design stays cut off before it is taken for lost: nothing heals those. */
const GIVEN_UP_AFTER_MS = 1_500;

/**
 * The customers of the app, and the audit of their connections. They connect, and connect again when they
 * are asked to; nothing here passes the faults.
 */
export function findCustomers(options: CustomersOptions) {
  const { services, tableName, journal, control, clock, scenario } = options;
  const { accountIds, accessTokenLifetime } = scenario;
  const client = DynamoDBDocumentClient.from(
    new DynamoDBClient({ endpoint: services.dynamoDbUrl }),
    { marshallOptions: { removeUndefinedValues: true } },
  );
  const table = connectionTable(client, tableName);
  const { id, value } = services.sealing;
  const key = { id, secret: Buffer.from(value) };
  const keys: KeyRing = { current: async () => key, find: async () => key };
  const systemClock: Clock = {
    now: () => clock.now() as EpochMs,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, clock.real(ms))),
    every(ms, tick) {
      const timer = setInterval(tick, clock.real(ms));
      return () => clearInterval(timer);
    },
  };
  /** All that was found lost so far, as of when it was found. */
  const losses: Finding[] = [];
  const cutOffSince = new Map<string, number>();
  /** That a customer must connect again. Each is counted once. */
  const verdicts = new Set<string>();
  let connected = 0;

  async function connect(
    accountId: string,
    lifetime = accessTokenLifetime,
    secondsAgo = 0,
  ): Promise<void> {
    const { accessToken, refreshToken } = await control.issueGrant(accountId);
    const expiresAt = Math.floor(clock.now() / 1000 + lifetime);
    journal.issued(refreshToken, accountId);
    journal.lasts(accountId, expiresAt * 1000);
    connected++;
    const now = systemClock.now();
    const grant = {
      accountId,
      accountName: `Customer ${accountIds.indexOf(accountId)}`,
      connectedAt: plus(now, -secondsAgo * 1000),
      clientId: services.clientId,
      accessToken,
      refreshToken,
      expiresAt: expiresAt as EpochSeconds,
    };
    await saveGrant({ table, clock: systemClock }, key, grant, plus(now, SAVE_WITHIN_MS));
  }

  async function audit(accountId: string, found?: Connection): Promise<Audited> {
    const connection = found ?? (await table.get(accountId));
    note(connection);
    const sealed = connection && 'refreshToken' in connection ? connection.refreshToken : undefined;
    const token = sealed && (await unseal(keys, sealed, accountId, 'refreshToken'));
    const { liveRefreshTokens } = await control.auditAccount(accountId);
    const attempts = journal.attemptsWith(token ?? '');
    return { accountId, connection, ...judge(connection, token, liveRefreshTokens, attempts) };
  }

  function note(connection: Connection | undefined): void {
    if (connection?.status !== 'reconnect_required') return;
    verdicts.add(`${connection.accountId} ${connection.statusChangedAt}`);
  }

  async function scan(): Promise<Connection[]> {
    const { Items = [] } = await client.send(
      new ScanCommand({ TableName: tableName, ConsistentRead: true }),
    );
    return (Items as Connection[]).filter(({ accountId }) => accountIds.includes(accountId));
  }

  return {
    accountIds,
    losses,
    audit,
    /** How often somebody connected. */
    get connected() {
      return connected;
    },
    /** How often a connection became `reconnect_required`. */
    get verdicts() {
      return verdicts.size;
    },
    connectAll: () =>
      Promise.all(
        accountIds.map((accountId) =>
          connect(accountId, scenario.firstLifetime(accountId), scenario.connectedAgo(accountId)),
        ),
      ),
    /** How many connections are due between these times: their slot comes round, and their token does not last long enough. */
    async dueBetween(start: number, end: number): Promise<number> {
      const minutes = slotsBetween(start as EpochMs, end as EpochMs);
      const isDue = (each: Connection) =>
        each.status === 'active' &&
        minutes.some(
          ({ begins, slots }) =>
            slots.some((slot) => slot === each.sweepSlot) &&
            each.accessTokenExpiresAt <= (begins + WARM_TURN + VISIT_RESERVE) / 1000,
        );
      return (await scan()).filter(isDue).length;
    },
    auditAll: () => Promise.all(accountIds.map((accountId) => audit(accountId))),
    /** In the middle of whatever is going on, if the connection works. */
    async reconnect(account: number): Promise<void> {
      const accountId = accountIds[account] ?? '';
      if ((await audit(accountId)).verdict === 'alive') await connect(accountId);
    },
    /** Finds the connections that are lost for good, counts them, and has their customers connect again. */
    async lookAfterThem(): Promise<void> {
      for (const connection of await scan()) {
        note(connection);
        const { accountId, status } = connection;
        if (status === 'active') {
          cutOffSince.delete(accountId);
          continue;
        }
        const since = cutOffSince.get(accountId) ?? performance.now();
        cutOffSince.set(accountId, since);
        const finding = await audit(accountId, connection);
        if (!isFinal(finding.verdict, performance.now() - since)) continue;
        losses.push(finding);
        cutOffSince.delete(accountId);
        await connect(accountId);
      }
    },
    close: () => client.destroy(),
  };

  /** A late store may still heal what looks wrong, in the design that has one. */
  function isFinal(verdict: Verdict, cutOffForMs: number): boolean {
    if (verdict === 'lost in the window') return true;
    return options.design !== 'ours' && verdict !== 'alive' && cutOffForMs > GIVEN_UP_AFTER_MS;
  }
}

export const forbidden = (findings: readonly Finding[]): number =>
  findings.filter(({ verdict }) => !ALLOWED.includes(verdict)).length;
