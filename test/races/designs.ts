import type { EpochMs } from '../../shared/runtime/clock.ts';
import type { ActiveConnection, Connection } from '../../shared/tokens/connection.ts';
import type { ConnectionTable, Successor } from '../../shared/tokens/connection-table.ts';
import { isDue } from '../../shared/tokens/decide.ts';
import { sameSealed } from '../../shared/tokens/same-sealed.ts';
import type { Item, MemoryDynamoDb } from './memory-dynamodb.ts';

/**
 * The obvious designs, as changes to the table's functions under the same helper. Each is known to lose
 * tokens; a harness that does not find out how would prove nothing.
 */
export type Design =
  | 'ours'
  /** Read, redeem, write. */
  | 'blind-write'
  /** Whoever finds the token due redeems it; the write is conditional on the old refresh token. */
  | 'conditional-write-only'
  /** A refusal is believed, whatever the table says by then. */
  | 'no-re-read'
  /** The rotation is stored only while the lease is held. */
  | 'store-needs-lease';

type Change = (table: ConnectionTable, db: MemoryDynamoDb, account: string) => ConnectionTable;

export const designs: Record<Design, Change> = {
  ours: (table) => table,

  'conditional-write-only': (table, db, account) => ({
    ...table,
    claim: claimWithoutLease(table),
    get: async (accountId) => believed(await table.get(accountId)),
    async lapse(held, reason) {
      const found = await table.get(held.accountId);
      if (!holds(found, held.refreshToken)) return { written: false, found };
      lapseNow(db, account, reason);
      return { written: true, before: undefined };
    },
  }),

  'blind-write': (table, db, account) => ({
    ...table,
    claim: claimWithoutLease(table),
    get: async (accountId) => believed(await table.get(accountId)),
    async store(accountId, _redeemed, successor) {
      await table.get(accountId);
      storeNow(db, account, successor);
      return { stored: true };
    },
    async lapse(held, reason) {
      await table.get(held.accountId);
      lapseNow(db, account, reason);
      return { written: true, before: undefined };
    },
  }),

  'no-re-read': (table, db, account) => {
    let claimed: Connection | undefined;
    return {
      ...table,
      async claim(...args) {
        const claim = await table.claim(...args);
        if (!claim.claimed) return claim;
        claimed = believed(claim.before);
        return { ...claim, abandoned: false };
      },
      async get(accountId) {
        const now = await table.get(accountId);
        const before = claimed;
        claimed = undefined;
        return before ?? now;
      },
      async lapse(held, reason) {
        await table.get(held.accountId);
        lapseNow(db, account, reason);
        return { written: true, before: undefined };
      },
    };
  },

  'store-needs-lease': (table, db, account) => {
    let leaseId = '';
    return {
      ...table,
      async claim(accountId, lease, now, due) {
        leaseId = lease.id;
        return table.claim(accountId, lease, now, due);
      },
      async store(accountId, redeemed, successor) {
        const found = await table.get(accountId);
        const isOurs = holds(found, redeemed) && (found as ActiveConnection).leaseId === leaseId;
        if (!isOurs) return { stored: false, found };
        storeNow(db, account, successor);
        return { stored: true };
      },
    };
  },
};

/** Takes the token if it is due, and nothing keeps anybody else from doing so. */
const claimWithoutLease =
  (table: ConnectionTable): ConnectionTable['claim'] =>
  async (accountId, _lease, _now, due) => {
    const found = await table.get(accountId);
    return found?.status === 'active' && isDue(found, due)
      ? { claimed: true, before: found, abandoned: false }
      : { claimed: false, found };
  };

/** As if the token had been refused before and nobody were in doubt: the next refusal is a verdict. */
function believed(found: Connection | undefined): Connection | undefined {
  if (found?.status !== 'active') return found;
  const { inDoubtSince: _, ...certain } = found;
  return { ...certain, refusedAt: 0 as EpochMs };
}

const holds = (now: Connection | undefined, refreshToken: Uint8Array) =>
  now !== undefined && now.status !== 'disconnected' && sameSealed(now.refreshToken, refreshToken);

/* Each follows a read in the same moment, so that both are one step. */

function storeNow(db: MemoryDynamoDb, account: string, successor: Successor): void {
  const { leaseId: _id, leaseExpiresAt: _until, ...item } = db.items.get(account) as Item;
  const rotation = Number(item['rotation'] ?? 0) + 1;
  db.items.set(account, { ...item, ...successor, rotation, status: 'active' });
}

function lapseNow(db: MemoryDynamoDb, account: string, statusReason: string): void {
  const { leaseId: _id, leaseExpiresAt: _until, ...item } = db.items.get(account) as Item;
  db.items.set(account, { ...item, status: 'reconnect_required', statusReason });
}
