import { backoff } from '../runtime/backoff.ts';
import { type Clock, plus } from '../runtime/clock.ts';
import * as budget from './budgets.ts';
import { type Connection, hasRefreshToken } from './connection.ts';
import type { ConnectionTable, Written } from './connection-table.ts';
import { type Escrow, encodeRotation, type SealedRotation } from './escrow.ts';
import type { Telemetry } from './telemetry.ts';

export interface StoreDependencies {
  readonly table: ConnectionTable;
  readonly escrow: Escrow;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

export type Kept =
  /** The rotation is in the table, or will be. */
  | { readonly superseded: false }
  /** Something else took the place of the redeemed token first. */
  | { readonly superseded: true; readonly by: Connection | undefined };

/** STORE, or ESCROW while the table refuses the rotation. Never rejects: the rotation is not lost by any error here. */
export async function storeRotation(
  { table, escrow, clock, telemetry }: StoreDependencies,
  rotation: SealedRotation,
): Promise<Kept> {
  const { accountId, redeemed, successor } = rotation;
  const stored = await withinStoreBudget((signal) =>
    table.store(accountId, redeemed, successor, signal),
  );
  if (!stored) {
    await putIntoEscrow();
  } else if (!stored.written && !hasRefreshToken(stored.now, successor.refreshToken)) {
    return { superseded: true, by: stored.now };
  } else {
    telemetry.count('RefreshSucceeded');
  }
  return { superseded: false };

  async function withinStoreBudget(
    write: (signal: AbortSignal) => Promise<Written>,
  ): Promise<Written | undefined> {
    const giveUpAt = plus(clock.now(), budget.STORE);
    for (let attempt = 0; ; attempt++) {
      try {
        return await write(AbortSignal.timeout(Math.max(1, giveUpAt - clock.now())));
      } catch {
        const pause = backoff(attempt, 50, 1_000);
        if (plus(clock.now(), pause) > giveUpAt) return undefined;
        await clock.sleep(pause);
      }
    }
  }

  /**
   * The lease stays and expires, so that whoever takes it over knows that a successor may still be stored. The caller
   * gets its token all the same.
   */
  async function putIntoEscrow(): Promise<void> {
    const encoded = encodeRotation(rotation);
    try {
      await escrow.keep(accountId, encoded, AbortSignal.timeout(budget.ESCROW));
      telemetry.count('RotationEscrowed');
    } catch {
      telemetry.lastResort(accountId, encoded);
      telemetry.count('StoreFailed');
    }
  }
}
