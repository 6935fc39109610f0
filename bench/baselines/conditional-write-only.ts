import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { Design, Setting } from '../design.ts';
import { type Row, rows } from './rows.ts';

/**
 * Optimistic locking: the new pair is written only if the refresh token is still the one that was redeemed. Who is
 * refused, or too late, reads again and uses what another one wrote.
 */
export function conditionalWriteOnly(setting: Setting): Design {
  const { read, redeem, write, isFresh, save, expire } = rows(setting);

  async function getToken(accountId: string): Promise<string> {
    const before = await read(accountId);
    if (isFresh(before)) return before.accessToken;
    const answer = await redeem(before);
    const successor = answer.refused ? undefined : answer.row;
    const after = successor ?? (await read(accountId));
    if (after.refreshToken === before.refreshToken) {
      await writeUnlessChanged({ ...before, status: 'reconnect_required' }, before);
      throw new Error('refused');
    }
    if (successor) return (await writeUnlessChanged(successor, before)).accessToken;
    return after.accessToken;
  }

  async function writeUnlessChanged(row: Row, before: Row): Promise<Row> {
    try {
      await write(row, before.refreshToken);
      return row;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return read(row.accountId);
    }
  }

  return { getToken, save, expire };
}
