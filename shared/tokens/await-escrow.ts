import { type Clock, plus } from '../runtime/clock.ts';
import { ESCROW_DELIVERY, ESCROW_LOOK } from './budgets.ts';
import { type Connection, hasRefreshToken } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import { whileNothingIsUnsaved } from './errors.ts';
import type { HeldLease } from './redeem.ts';

/**
 * Waits for what the holder of an abandoned lease may have put into escrow while the table refused its rotation. The table takes
 * writes again, since it took our claim, so the queue delivers within {@link ESCROW_DELIVERY}. Sending the token before
 * that would be its reuse, for which some servers end the whole grant (RFC 9700, section 4.14.2).
 * @returns what took the place of the held token, if anything did
 */
export async function awaitEscrow(
  { table, clock }: { table: ConnectionTable; clock: Clock },
  held: HeldLease,
): Promise<{ found: Connection | undefined } | undefined> {
  const until = plus(clock.now(), ESCROW_DELIVERY);
  while (clock.now() < until) {
    await clock.sleep(ESCROW_LOOK);
    const found = await whileNothingIsUnsaved(table.get(held.accountId));
    if (!hasRefreshToken(found, held.refreshToken)) return { found };
  }
  return undefined;
}
