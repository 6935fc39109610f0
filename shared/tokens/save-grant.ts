import { randomBytes } from 'node:crypto';
import { backoff } from '../runtime/backoff.ts';
import { type Clock, toSeconds } from '../runtime/clock.ts';
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
}

/**
 * Stores a new grant as an active connection, over whatever is stored for the account; a grant issued
 * later stays. The sealing key is loaded before the code is exchanged, so that nothing is exchanged in vain.
 * @returns whether the account is connected now; not if it was disconnected after a later grant
 * @throws TableUnavailableError
 */
export async function saveGrant(
  { table, clock }: { table: ConnectionTable; clock: Clock },
  key: RootKey,
  { accessToken, refreshToken, expiresAt, clientId, ...identity }: NewGrant,
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
  const attempts = 3;
  for (let attempt = 1; ; attempt++) {
    try {
      const written = await table.saveGrant(grant);
      return written.written || written.now?.status === 'active';
    } catch (cause) {
      if (attempt === attempts) throw new TableUnavailableError(cause);
      await clock.sleep(backoff(attempt, 100, 1_000));
    }
  }
}
