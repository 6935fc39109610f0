import { LRUCache } from 'lru-cache';
import type { QueryCost } from '../jobber/graphql.ts';
import type { Clock, EpochMs } from '../runtime/clock.ts';

interface Account {
  /** What the last answer said, and when it came. */
  status: (Omit<QueryCost, 'requestedQueryCost'> & { readonly at: EpochMs }) | undefined;
  /** The expected cost of the requests in flight. */
  inFlight: number;
}

const ACCOUNTS = 1_000;
const QUERIES = 200;

/** The accounts' points as this container knows them: from the last answer for each account. */
export function accountPoints(clock: Clock) {
  const accounts = new LRUCache<string, Account>({ max: ACCOUNTS });
  const costs = new LRUCache<string, number>({ max: QUERIES });
  return { reserve, waitMs };

  /** Reserves what the query cost last time. Call the result with the cost that the answer names. */
  function reserve(accountId: string, query: string): (cost: QueryCost | undefined) => void {
    const account = accounts.get(accountId) ?? { status: undefined, inFlight: 0 };
    accounts.set(accountId, account);
    const expected = costs.get(query) ?? 0;
    account.inFlight += expected;
    return (cost) => {
      account.inFlight -= expected;
      if (!cost) return;
      const { requestedQueryCost, ...status } = cost;
      account.status = { ...status, at: clock.now() };
      costs.set(query, requestedQueryCost);
    };
  }

  /**
   * How long until the query leaves `leavePoints` behind; at most until the account has all its points. 0 while nothing is
   * known of the account.
   */
  function waitMs(accountId: string, query: string, leavePoints: number): number {
    const { status, inFlight } = accounts.get(accountId) ?? { status: undefined, inFlight: 0 };
    if (!status) return 0;
    const { maximumAvailable, currentlyAvailable, restoreRate, at } = status;
    const restored = (Math.max(0, clock.now() - at) / 1000) * restoreRate;
    const available = Math.min(maximumAvailable, currentlyAvailable + restored) - inFlight;
    const wanted = Math.min(maximumAvailable, leavePoints + (costs.get(query) ?? 0));
    return Math.ceil((Math.max(0, wanted - available) / restoreRate) * 1000);
  }
}
