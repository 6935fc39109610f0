import { createHash } from 'node:crypto';
import { type EpochMs, type EpochSeconds, plus } from '../runtime/clock.ts';
import { APPEALS_AFTER } from './budgets.ts';
import type { ReconnectReason } from './errors.ts';
import { sameSealed } from './same-sealed.ts';
import type { Sealed } from './sealing.ts';
import type { SweepSlot } from './sweep-wheel.ts';

/** One Jobber account that connected the app: one item of the table, key `accountId`. */
export type Connection = ActiveConnection | LapsedConnection | DisconnectedConnection;

interface Identity {
  /** Jobber's `account.id`, as Jobber encodes it. */
  readonly accountId: string;
  readonly accountName: string;
  /** The Jobber user who connected the account, by Jobber's number. */
  readonly userId?: string;
  /** The owner's own id for this customer, from a signed connect link; it ends with the connection. */
  readonly ref?: string;
  /** New with every authorization; a reconnect makes a new grant. */
  readonly grantId: string;
  readonly connectedAt: EpochMs;
  /** The {@link clientDigest} of the app that the tokens were issued to. */
  readonly issuedTo?: string;
}

interface SealedTokens {
  /** Absent if an answer of the token endpoint was cut off behind the refresh token: the next refresh brings one. */
  readonly accessToken?: Sealed<'accessToken'>;
  readonly refreshToken: Sealed<'refreshToken'>;
  readonly accessTokenExpiresAt: EpochSeconds;
  readonly refreshedAt: EpochSeconds;
  /** How often this grant's refresh token was replaced by its successor; imported items may not know. */
  readonly rotation?: number;
}

interface LeaseAttributes {
  readonly leaseId?: string;
  readonly leaseExpiresAt?: EpochMs;
}

/** What attempts to redeem this refresh token leave behind for the next one. */
export interface RedemptionMarks {
  /** When a lease was last taken over from a holder that may still store: a verdict waits for it. */
  readonly inDoubtSince?: EpochMs | undefined;
  /** When a redemption last ended without an answer. */
  readonly unconfirmedAt?: EpochMs | undefined;
  /** When the token was first refused: a verdict needs a second refusal. */
  readonly refusedAt?: EpochMs | undefined;
  /** Nobody sends the token before this time. */
  readonly retryAt?: EpochMs | undefined;
  /** When its successor was put into escrow: the token is spent, and nobody sends it until the escrow has given up. */
  readonly escrowedAt?: EpochMs | undefined;
}

export interface ActiveConnection extends Identity, SealedTokens, LeaseAttributes, RedemptionMarks {
  readonly status: 'active';
  /** When a sweep visits it; items that were written by hand may have none until they are refreshed. */
  readonly sweepSlot?: SweepSlot;
  /** When a caller last asked for its token, as far as it was noted. A new grant counts as used. */
  readonly usedAt?: EpochMs;
  /** Since when the connection waits to be disconnected at Jobber; callers get no token of it. */
  readonly disconnectingSince?: EpochMs;
}

/** Keeps its tokens: a late STORE of their successor, or an appeal, revives it. */
export interface LapsedConnection extends Identity, SealedTokens, LeaseAttributes, RedemptionMarks {
  readonly status: 'reconnect_required';
  readonly statusReason: ReconnectReason;
  readonly statusChangedAt: EpochMs;
  /** When its token is tried again; absent after the last appeal. */
  readonly appealAt?: EpochMs;
}

/** Has no tokens, so that nothing but a new grant revives it. */
export interface DisconnectedConnection extends Identity, Pick<SealedTokens, 'rotation'> {
  readonly status: 'disconnected';
  readonly statusReason: DisconnectReason;
  readonly statusChangedAt: EpochMs;
}

/** Who ended the connection: a user of Jobber's there, or the app. */
export type DisconnectReason = 'disconnected_in_jobber' | 'disconnected_by_app';

/** The outcome of one authorization, ready to be stored. */
export interface Grant extends Identity, Required<Omit<SealedTokens, 'rotation'>> {}

/** The right to redeem a connection's refresh token now. */
export interface Lease {
  readonly id: string;
  readonly expiresAt: EpochMs;
}

/** Tells one OAuth client from another, in 8 characters. */
export const clientDigest = (clientId: string): string =>
  createHash('sha256').update(clientId).digest('base64url').slice(0, 8);

export const APPEAL_SHARDS = 8;

export const isDisconnecting = (connection: Connection): boolean =>
  connection.status === 'active' && connection.disconnectingSince !== undefined;

/** Whether this very token, as it was sealed, is the connection's. */
export const hasRefreshToken = (
  found: Connection | undefined,
  refreshToken: Sealed<'refreshToken'>,
): boolean =>
  found !== undefined && 'refreshToken' in found && sameSealed(found.refreshToken, refreshToken);

/** Spreads the index of the appeals over {@link APPEAL_SHARDS} partitions. */
export function appealShardOf(accountId: string): number {
  return createHash('sha256').update(accountId).digest().readUInt8(0) % APPEAL_SHARDS;
}

/** When a verdict is looked at again; `undefined` after the last time. */
export function nextAppeal(verdictAt: EpochMs, now: EpochMs): EpochMs | undefined {
  const after = APPEALS_AFTER.find((wait) => plus(verdictAt, wait) > now);
  return after === undefined ? undefined : plus(verdictAt, after);
}
