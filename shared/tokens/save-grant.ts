import { randomBytes } from 'node:crypto';
import { type Clock, type EpochMs, toSeconds } from '../runtime/clock.ts';
import { attemptFor } from './attempts.ts';
import { type ActiveConnection, type Connection, clientDigest, type Grant } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import { TableUnavailableError } from './errors.ts';
import type { ReplaceableGrant } from './grant-writes.ts';
import { type RootKey, seal } from './sealing.ts';
import type { TokenPair } from './token-endpoint.ts';

/** An authorization that was just granted. */
export interface NewGrant
  extends TokenPair,
    Pick<Grant, 'accountId' | 'accountName' | 'connectedAt' | 'userId' | 'ref'> {
  /** Of the app that it was granted to. */
  readonly clientId: string;
  readonly accessToken: string;
}

export type SavedGrant =
  /** The account is connected, with this grant or a later one of the same user. */
  | { readonly outcome: 'connected' }
  /** The account stays connected with another grant, which is later, or which `over` protects. */
  | { readonly outcome: 'kept'; readonly found: ActiveConnection }
  /** The account was disconnected after a later grant. */
  | { readonly outcome: 'disconnected' };

/**
 * Stores a new grant as an active connection, over what `over` says; a grant issued later stays. Load the sealing key
 * before the code is exchanged, so that nothing is exchanged in vain.
 * @throws TableUnavailableError
 */
export async function saveGrant(
  { table, clock }: { table: ConnectionTable; clock: Clock },
  key: RootKey,
  { accessToken, refreshToken, expiresAt, clientId, ...identity }: NewGrant,
  deadline: EpochMs,
  over: ReplaceableGrant = 'any',
): Promise<SavedGrant> {
  const grant: Grant = {
    ...identity,
    issuedTo: clientDigest(clientId),
    grantId: randomBytes(12).toString('base64url'),
    accessToken: seal(key, accessToken, identity.accountId, 'accessToken'),
    refreshToken: seal(key, refreshToken, identity.accountId, 'refreshToken'),
    accessTokenExpiresAt: expiresAt,
    refreshedAt: toSeconds(clock.now()),
  };
  const result = await attemptFor(clock, deadline - clock.now(), (leftMs) =>
    table.saveGrant(grant, clock.now(), over, leftMs),
  );
  if (!result) throw new TableUnavailableError();
  if (result.written) return { outcome: 'connected' };
  return stoodAgainst(grant, result.found);
}

/** What a grant that was not written found instead. */
function stoodAgainst({ grantId, userId, ref }: Grant, found: Connection | undefined): SavedGrant {
  if (found?.status !== 'active') return { outcome: 'disconnected' };
  const isUsers = userId !== undefined && found.userId === userId;
  const isSameRef = ref === undefined || found.ref === ref;
  const isOurs = found.grantId === grantId || (isUsers && isSameRef);
  return isOurs ? { outcome: 'connected' } : { outcome: 'kept', found };
}
