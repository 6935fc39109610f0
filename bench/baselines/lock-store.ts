import { setTimeout as delay } from 'node:timers/promises';
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import type { Design, Setting } from '../design.ts';
import { lockOf, takeLock } from './lock.ts';
import { rows } from './rows.ts';

const TTL_MS = 10_000;
const POLL_MS = 100;
const GIVE_UP_MS = 25_000;

/**
 * As token stores do that lock in Redis: callers of one process share a refresh, processes poll for a lock that ends by
 * itself after 10 s and has no owner, and the row is written without a condition. The lock is an item of the table.
 */
export function lockStore(setting: Setting): Design {
  const { tableName: TableName } = setting;
  const { client, read, redeem, write, isFresh, save, expire } = rows(setting);
  const pending = new Map<string, Promise<string>>();

  async function getToken(accountId: string): Promise<string> {
    const row = await read(accountId);
    if (isFresh(row)) return row.accessToken;
    const refreshing =
      pending.get(accountId) ?? refreshLocked(accountId).finally(() => pending.delete(accountId));
    pending.set(accountId, refreshing);
    return refreshing;
  }

  async function refreshLocked(accountId: string): Promise<string> {
    const lock = lockOf(accountId);
    const started = Date.now();
    while (
      !(await takeLock(client, TableName, {
        accountId: lock,
        owner: '1',
        until: Date.now() + TTL_MS,
      }))
    ) {
      if (Date.now() > started + GIVE_UP_MS) throw new Error('the lock was not to be had');
      await delay(POLL_MS);
    }
    try {
      const row = await read(accountId);
      if (isFresh(row)) return row.accessToken;
      const answer = await redeem(row);
      if (answer.refused) {
        await write({ ...row, status: 'reconnect_required' });
        throw new Error('refused');
      }
      await write(answer.row);
      return answer.row.accessToken;
    } finally {
      await client.send(new DeleteCommand({ TableName, Key: { accountId: lock } }));
    }
  }

  return { getToken, save, expire };
}
