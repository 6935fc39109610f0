import type { ActiveConnection, Connection } from '../../shared/tokens/connection.ts';
import type { ConnectionTable, Successor } from '../../shared/tokens/connection-table.ts';
import { sameSealed } from '../../shared/tokens/sealing.ts';
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
    async lapse(held, reason) {
      const now = await table.get(held.accountId);
      if (!holds(now, held.redeemed)) return { written: false, now };
      lapseNow(db, account, reason);
      return { written: true };
    },
  }),

  'blind-write': (table, db, account) => ({
    ...table,
    claim: claimWithoutLease(table),
    async store(accountId, _redeemed, successor) {
      await table.get(accountId);
      storeNow(db, account, successor);
      return { written: true };
    },
    async lapse(held, reason) {
      await table.get(held.accountId);
      lapseNow(db, account, reason);
      return { written: true };
    },
  }),

  'no-re-read': (table, db, account) => {
    let claimed: Connection | undefined;
    return {
      ...table,
      async claim(...args) {
        const claim = await table.claim(...args);
        if (!claim.claimed) return claim;
        const { inDoubtSince: _, ...before } = claim.before;
        claimed = before;
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
        return { written: true };
      },
    };
  },

  'store-needs-lease': (table, db, account) => {
    let leaseId = '';
    return {
      ...table,
      async claim(accountId, lease, due, now) {
        leaseId = lease.id;
        return table.claim(accountId, lease, due, now);
      },
      async store(accountId, redeemed, successor) {
        const now = await table.get(accountId);
        const isOurs = holds(now, redeemed) && (now as ActiveConnection).leaseId === leaseId;
        if (!isOurs) return { written: false, now };
        storeNow(db, account, successor);
        return { written: true };
      },
    };
  },
};

/** Takes the token if it is due, and nothing keeps anybody else from doing so. */
const claimWithoutLease =
  (table: ConnectionTable): ConnectionTable['claim'] =>
  async (accountId, _lease, due) => {
    const now = await table.get(accountId);
    const isDue =
      now?.status === 'active' &&
      (now.accessTokenExpiresAt < due.horizon || sameSealed(now.accessToken, due.rejected));
    return isDue ? { claimed: true, before: now, abandoned: false } : { claimed: false, now };
  };

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
