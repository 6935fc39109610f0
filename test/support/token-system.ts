import { type Clock, type EpochMs, plus, toSeconds } from '../../shared/runtime/clock.ts';
import { breakerItem } from '../../shared/tokens/breaker-item.ts';
import { circuitBreaker } from '../../shared/tokens/circuit-breaker.ts';
import type { ActiveConnection, Connection } from '../../shared/tokens/connection.ts';
import type { ConnectionTable } from '../../shared/tokens/connection-table.ts';
import type { AppealRequest } from '../../shared/tokens/refresh.ts';
import { saveGrant } from '../../shared/tokens/save-grant.ts';
import { type KeyRing, type RootKey, unseal } from '../../shared/tokens/sealing.ts';
import type { TokenMetric } from '../../shared/tokens/telemetry.ts';
import { type GetAccessTokenOptions, tokenHelper } from '../../shared/tokens/token-helper.ts';
import { testTable } from './connections.ts';
import { fakeClock } from './fake-clock.ts';
import { provider } from './provider.ts';

export const ACCOUNT = 'Z2lkOi8vSm9iYmVyL0FjY291bnQvNDMwMTE0';
export const MINUTE = 60_000;
/** From the begin of a call to its deadline. */
export const CALL_TIME = 179_000;

/** The token helper on a real table, with a clock, a key ring and an authorization server of the test's. */
export async function tokenSystem() {
  const clock = fakeClock();
  const server = provider(clock);
  const keys = testKeys();
  const db = await testTable();
  const metrics: TokenMetric[] = [];
  const latencies: number[] = [];
  const telemetry = {
    count: (metric: TokenMetric) => void metrics.push(metric),
    tokenEndpointLatency: (ms: number) => void latencies.push(ms),
    lastResort: (_accountId: string, encoded: string) => void lastResorts.push(encoded),
  };
  const escrowed: string[] = [];
  const lastResorts: string[] = [];
  const escrow = {
    refuses: false,
    async keep(_accountId: string, encoded: string) {
      if (escrow.refuses) throw new Error('the queue does not answer');
      escrowed.push(encoded);
    },
  };

  /** A further process on the same table, server and clock; `table` and `timers` may stand in for its own. */
  function startProcess(table: ConnectionTable = db.table, timers: Pick<Clock, 'every'> = clock) {
    const ownClock: Clock = { ...clock, every: timers.every };
    const breaker = circuitBreaker({ item: breakerItem(db.client, db.tableName), clock: ownClock });
    const helper = tokenHelper({
      table,
      endpoint: server,
      breaker,
      escrow,
      keys,
      clock: ownClock,
      telemetry,
    });
    return {
      getAccessToken: (accountId: string, options: Partial<GetAccessTokenOptions> = {}) =>
        helper.getAccessToken(accountId, { deadline: deadline(), ...options }),
      refreshIfDue: (
        accountId: string,
        options: { minValiditySeconds: number; deadline?: EpochMs },
      ) => helper.refreshIfDue(accountId, { deadline: deadline(), ...options }),
      appeal: (accountId: string, options: Partial<AppealRequest> = {}) =>
        helper.appeal(accountId, { deadline: deadline(), ...options }),
    };
  }

  /** As the functions give it. */
  const deadline = () => plus(clock.now(), CALL_TIME);

  return {
    clock,
    server,
    keys,
    db,
    metrics,
    latencies,
    escrow,
    escrowed,
    lastResorts,
    startProcess,
    helper: startProcess(),
    /** A process whose timers do not fire, so that it holds a lease no longer than it was taken for. */
    startStalled: () => startProcess(db.table, { every: () => () => undefined }),
    /** Authorizes the account anew and stores the grant. */
    async connect(accountId = ACCOUNT, connectedAt = clock.now()) {
      const pair = server.authorize();
      await saveGrant(
        { table: db.table, clock },
        await keys.current(),
        {
          ...pair,
          accountId,
          clientId: 'client',
          accountName: 'Maple Street Plumbing',
          connectedAt,
        },
        deadline(),
      );
      db.calls.length = 0;
      return pair;
    },
    expireAccessToken: () => clock.advance(61 * MINUTE),
    async stored(accountId = ACCOUNT): Promise<ActiveConnection> {
      return (await db.table.get(accountId)) as ActiveConnection;
    },
    async status(accountId = ACCOUNT): Promise<string | undefined> {
      const found = (await db.table.get(accountId)) as Connection | undefined;
      return found && 'statusReason' in found
        ? `${found.status}/${found.statusReason}`
        : found?.status;
    },
    /** Whether the authorization server accepts the stored refresh token. */
    async storedTokenIsLive(accountId = ACCOUNT): Promise<boolean> {
      const { refreshToken } = (await db.table.get(accountId)) as ActiveConnection;
      return server.isLive(await unseal(keys, refreshToken, accountId, 'refreshToken'));
    },
    nowSeconds: () => toSeconds(clock.now()),
  };
}

export function testKeys(): KeyRing & { versions: RootKey[]; unreadable: boolean } {
  const ring = {
    versions: [rootKey('00000000-0000-4000-8000-000000000001')],
    unreadable: false,
    async current() {
      if (ring.unreadable) throw new Error('AccessDeniedException');
      return ring.versions.at(-1) as RootKey;
    },
    async find(id: string) {
      if (ring.unreadable) throw new Error('AccessDeniedException');
      return ring.versions.find((version) => version.id === id);
    },
  };
  return ring;
}

export const rootKey = (id: string): RootKey => ({ id, secret: Buffer.from(`secret of ${id}`) });
