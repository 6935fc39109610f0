import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import type { Design, Setting } from '../design.ts';
import { lockOf, takeLock } from './lock.ts';
import { rows } from './rows.ts';

const LEASE_MS = 20_000;
const POLL_MS = 100;
const GIVE_UP_MS = 25_000;

/**
 * A lock item of its own for each connection, as lock clients for DynamoDB keep it: with an owner, who alone may
 * release it. Inside the lock the connection is read again. Kinder than those clients: who waits reads the
 * connection before trying the lock again, and so does not queue up for a token that is already there.
 */
export function lockTable(setting: Setting): Design {
  const { tableName: TableName } = setting;
  const { client, read, redeem, write, isFresh, save, expire } = rows(setting);

  async function getToken(accountId: string): Promise<string> {
    const owner = randomUUID();
    for (const started = Date.now(); Date.now() < started + GIVE_UP_MS; ) {
      const row = await read(accountId);
      if (isFresh(row)) return row.accessToken;
      const lock = { accountId: lockOf(accountId), owner, until: Date.now() + LEASE_MS };
      if (await takeLock(client, TableName, lock)) {
        try {
          return await refresh(accountId);
        } finally {
          await release(lock);
        }
      }
      await delay(POLL_MS / 2 + Math.random() * POLL_MS);
    }
    throw new Error('the lock was not to be had');
  }

  async function refresh(accountId: string): Promise<string> {
    const row = await read(accountId);
    if (isFresh(row)) return row.accessToken;
    const answer = await redeem(row);
    if (answer.refused) {
      await write({ ...row, status: 'reconnect_required' });
      throw new Error('refused');
    }
    await write(answer.row);
    return answer.row.accessToken;
  }

  async function release({ accountId, owner }: { accountId: string; owner: string }) {
    try {
      await client.send(
        new DeleteCommand({
          TableName,
          Key: { accountId },
          ConditionExpression: '#owner = :owner',
          ExpressionAttributeNames: { '#owner': 'owner' },
          ExpressionAttributeValues: { ':owner': owner },
        }),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }

  return { getToken, save, expire };
}
