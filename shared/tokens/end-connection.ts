import type { Clock, EpochMs } from '../runtime/clock.ts';
import { type Connection, type DisconnectReason, isDisconnecting } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';

export type Ended =
  /** The tokens are deleted, now or by an earlier call. */
  | 'disconnected'
  /** The connection has a grant that the disconnect was not about; it stays. */
  | 'newer_grant'
  | 'not_connected';

export interface Disconnect {
  /** Whether the disconnect is about this grant, and not about an earlier one. */
  readonly isAbout: (grant: Pick<Connection, 'grantId' | 'connectedAt'>) => boolean;
  readonly reason: DisconnectReason;
}

/**
 * Deletes the tokens of a connection whose grant has ended at Jobber. A refresh in flight then finds nothing that it
 * could replace, and a grant that comes meanwhile is judged in its turn. May be repeated.
 * @throws the SDK's errors
 */
export async function endConnection(
  { table, clock }: { table: ConnectionTable; clock: Clock },
  accountId: string,
  { isAbout, reason }: Disconnect,
): Promise<Ended> {
  let found = await table.get(accountId);
  for (;;) {
    if (!found) return 'not_connected';
    if (!isAbout(found)) return 'newer_grant';
    if (found.status === 'disconnected') return 'disconnected';
    // What ends a connection that we are about to disconnect is our own doing.
    const because = isDisconnecting(found) ? 'disconnected_by_app' : reason;
    const ended = await table.end(accountId, found, because, clock.now());
    if (ended.written) return 'disconnected';
    found = ended.found;
  }
}

/**
 * Of what happened in the second that begins at `occurredAt`, only that is surely about a grant which the grant
 * precedes. A grant of that same second may be the one that ended, or its successor: it stays, since to end a live one
 * costs a customer, and a dead one is found out at its next use.
 */
export const isAboutGrantBefore =
  (occurredAt: EpochMs): Disconnect['isAbout'] =>
  ({ connectedAt }) =>
    connectedAt <= occurredAt;
