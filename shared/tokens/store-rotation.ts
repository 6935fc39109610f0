import { type Clock, type EpochMs, type EpochSeconds, toSeconds } from '../runtime/clock.ts';
import { inTime } from '../runtime/in-time.ts';
import { attemptFor } from './attempts.ts';
import * as budget from './budgets.ts';
import type { ConnectionTable, StoreResult, Successor } from './connection-table.ts';
import type { HeldConnection } from './end-lease.ts';
import { type Escrow, encodeRotation, type SealedRotation } from './escrow.ts';
import { isSealedWith, type RootKey, seal } from './sealing.ts';
import type { Telemetry } from './telemetry.ts';
import type { TokenPair } from './token-endpoint.ts';
import { isWithinGrace } from './verdict.ts';

export interface StoreDependencies {
  readonly table: ConnectionTable;
  readonly escrow: Escrow;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/**
 * Stores what the token endpoint answered to the holder of a lease. Never rejects: no error here loses a rotation.
 * @param sent the refresh token that was redeemed
 */
export function storeAnswer(
  dependencies: StoreDependencies,
  held: HeldConnection,
  sent: string,
  { accessToken, refreshToken, expiresAt }: TokenPair,
  key: RootKey,
): Promise<StoreResult> {
  const { accountId, refreshToken: redeemed } = held;
  const access = {
    accessToken: accessToken ? seal(key, accessToken, accountId, 'accessToken') : undefined,
    // Without an access token the connection is due at once.
    accessTokenExpiresAt: accessToken ? expiresAt : (0 as EpochSeconds),
    refreshedAt: toSeconds(dependencies.clock.now()),
  };
  if (refreshToken === sent) return storeUnchanged(dependencies, held, sent, access, key);
  const successor = { ...access, refreshToken: seal(key, refreshToken, accountId, 'refreshToken') };
  return storeRotation(dependencies, { accountId, redeemed, successor });
}

/**
 * STORE, or ESCROW while the table refuses the rotation.
 *
 * In escrow it counts as stored: the caller gets its token. The lease stays and expires, so that whoever takes it over knows
 * that a successor may still be stored.
 */
async function storeRotation(
  { table, escrow, clock, telemetry }: StoreDependencies,
  rotation: SealedRotation,
): Promise<StoreResult> {
  const { accountId, redeemed, successor } = rotation;
  const result = await attemptFor(clock, budget.STORE, (leftMs) =>
    table.store(accountId, redeemed, successor, leftMs),
  );
  if (result) {
    if (result.stored) telemetry.count('RefreshSucceeded');
    return result;
  }
  const encoded = encodeRotation(rotation);
  const isKept = await attemptFor(clock, budget.ESCROW, async (leftMs) => {
    await inTime(leftMs, (signal) => escrow.keep(accountId, encoded, signal));
    return true;
  });
  if (!isKept) telemetry.lastResort(accountId, encoded);
  // If the table refuses this as well, whoever takes over the lease waits for the escrow.
  else await table.markEscrowed(accountId, redeemed, clock.now()).catch(() => undefined);
  telemetry.count(isKept ? 'RotationEscrowed' : 'StoreFailed');
  return { stored: true };
}

/**
 * STORE UNCHANGED: rotation is off, and the same refresh token came back. If this is not stored, nothing is lost: the next
 * refresh brings another access token. So it needs no escrow.
 */
async function storeUnchanged(
  { table, clock, telemetry }: StoreDependencies,
  held: HeldConnection,
  sent: string,
  access: Omit<Successor, 'refreshToken'>,
  key: RootKey,
): Promise<StoreResult> {
  const { before, abandoned, accountId, refreshToken: redeemed } = held;
  const isOver = (since = 0 as EpochMs) => !isWithinGrace(since, clock.now());
  // Marks of others stay until whoever they are about must have ended. A refusal is refuted by this very answer.
  const isAlone = !abandoned && isOver(before.inDoubtSince) && isOver(before.unconfirmedAt);
  // Somebody who was given a successor must find the redeemed value as it was. So seal it anew only when nobody can have been.
  const refreshToken =
    isAlone && !isSealedWith(key, redeemed) ? seal(key, sent, accountId, 'refreshToken') : redeemed;
  const result = await attemptFor(clock, budget.STORE, (leftMs) =>
    table.storeUnchanged(
      held,
      { ...access, refreshToken },
      { inDoubtSince: abandoned ? clock.now() : undefined, keepsMarks: !isAlone },
      leftMs,
    ),
  );
  if (result?.stored) telemetry.count('RefreshSucceeded');
  return result ?? { stored: true };
}
