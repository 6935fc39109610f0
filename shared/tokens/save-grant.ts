import { randomBytes } from 'node:crypto';
import { type Clock, type EpochMs, toSeconds } from '../runtime/clock.ts';
import { attemptFor } from './attempts.ts';
import { clientDigest, type Grant } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import { TableUnavailableError } from './errors.ts';
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

/**
 * Stores a new grant as an active connection, over whatever is stored for the account; a grant issued
 * later stays. Load the sealing key before the code is exchanged, so that nothing is exchanged in vain.
 * @returns whether the account is connected now; not if it was disconnected after a later grant
 * @throws TableUnavailableError
 */
export async function saveGrant(
  { table, clock }: { table: ConnectionTable; clock: Clock },
  key: RootKey,
  { accessToken, refreshToken, expiresAt, clientId, ...identity }: NewGrant,
  deadline: EpochMs,
): Promise<boolean> {
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
    table.saveGrant(grant, clock.now(), leftMs),
  );
  if (!result) throw new TableUnavailableError();
  return result.written || result.found?.status === 'active';
}
