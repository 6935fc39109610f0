import {
  type ActiveConnection,
  type Connection,
  hasRefreshToken,
  isDisconnecting,
  type LapsedConnection,
  type RedemptionMarks,
} from './connection.ts';
import {
  DisconnectedError,
  type ReconnectReason,
  ReconnectRequiredError,
  RotationInDoubtError,
  type TokenError,
  whileNothingIsUnsaved,
} from './errors.ts';
import type { HeldLease } from './redeem.ts';
import type { Refreshed } from './refresh.ts';
import type { StoreDependencies } from './store-rotation.ts';
import {
  type Evidence,
  marksOf,
  type RefusalReason,
  reasonAfterAppeal,
  verdictOn,
} from './verdict.ts';

/** A lease, and the connection as it was when it was taken. */
export interface HeldConnection extends HeldLease {
  readonly before: ActiveConnection | LapsedConnection;
}

/** How a lease ends without a rotation of its holder's: every error of a refresh that has begun is thrown here. */
export function leaseEndings({ table, clock, telemetry }: StoreDependencies) {
  return { adopt, giveUp, judgeRefusal };

  function adopt(found: Connection | undefined): Refreshed {
    if (found?.status === 'active') telemetry.count('RefreshAdopted');
    return { kind: 'adopt', found };
  }

  /** Ends the lease and leaves the connection as it is. */
  function giveUp(held: HeldConnection, evidence: Evidence, error: TokenError): Promise<Refreshed> {
    return release(held, marksOf(evidence, clock.now()), error);
  }

  /** REFUSED: who else may have redeemed the token, and may that one still store? */
  async function judgeRefusal(held: HeldConnection, evidence: Evidence): Promise<Refreshed> {
    const { before } = held;
    if (before.status === 'reconnect_required') {
      const statusReason = reasonAfterAppeal(before, evidence);
      const marks = { ...marksOf(evidence, clock.now()), statusReason };
      return release(held, marks, new ReconnectRequiredError(statusReason));
    }
    const found = await whileNothingIsUnsaved(table.get(held.accountId));
    const verdict = verdictOn(found, held, evidence, clock.now());
    switch (verdict.kind) {
      case 'superseded':
        return adopt(found);
      case 'wait':
        return release(held, verdict.marks, new RotationInDoubtError());
      case 'lapse':
        return lapse(held, verdict.reason);
    }
  }

  async function lapse(held: HeldConnection, reason: RefusalReason): Promise<Refreshed> {
    const result = await whileNothingIsUnsaved(table.lapse(held, reason, clock.now()));
    if (result.written) {
      telemetry.count('ReconnectRequired');
      throw new ReconnectRequiredError(reason);
    }
    // LAPSE leaves a connection alone that is being disconnected: that one ends.
    const { found } = result;
    return found && isDisconnecting(found)
      ? endRefused(held)
      : adoptOr(held, found, new RotationInDoubtError());
  }

  async function endRefused(held: HeldConnection): Promise<Refreshed> {
    const result = await whileNothingIsUnsaved(table.endRefused(held, clock.now()));
    if (result.written) throw new DisconnectedError();
    return adoptOr(held, result.found, new RotationInDoubtError());
  }

  /** Without a reply the lease ends by itself, and whoever takes it over is as careful as needed. */
  async function release(
    held: HeldConnection,
    marks: RedemptionMarks & { readonly statusReason?: ReconnectReason },
    error: TokenError,
  ): Promise<Refreshed> {
    const released = await table.release(held, marks).catch(() => undefined);
    if (released && !released.written) return adoptOr(held, released.found, error);
    throw error;
  }

  /** Somebody else's success is better than our error. */
  function adoptOr(
    held: HeldConnection,
    found: Connection | undefined,
    error: TokenError,
  ): Refreshed {
    if (found?.status === held.before.status && hasRefreshToken(found, held.refreshToken))
      throw error;
    return adopt(found);
  }
}
