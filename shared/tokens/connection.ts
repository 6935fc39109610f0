import { createHash } from 'node:crypto';
import type { EpochMs, EpochSeconds } from '../runtime/clock.ts';
import type { ReconnectReason } from './errors.ts';
import { type Sealed, sameSealed } from './sealing.ts';

/** One Jobber account that connected the app: one item of the table, key `accountId`. */
export type Connection = ActiveConnection | LapsedConnection | DisconnectedConnection;

interface Identity {
  /** Jobber's `account.id`, as Jobber encodes it. */
  readonly accountId: string;
  readonly accountName: string;
  /** The Jobber user who connected the account. */
  readonly userId?: string;
  /** The owner's own id for this customer, from a signed connect link. */
  readonly ref?: string;
  /** New with every authorization; a reconnect makes a new grant. */
  readonly grantId: string;
  readonly connectedAt: EpochMs;
  /** The {@link clientDigest} of the app that the tokens were issued to. */
  readonly issuedTo?: string;
}

interface SealedTokens {
  readonly accessToken: Sealed<'accessToken'>;
  readonly refreshToken: Sealed<'refreshToken'>;
  readonly accessTokenExpiresAt: EpochSeconds;
  readonly refreshedAt: EpochSeconds;
  /** How often this grant's refresh token was replaced by its successor. */
  readonly rotation: number;
}

/** What an attempt to redeem leaves behind for the next one. */
interface RedemptionMarks {
  readonly leaseId?: string;
  readonly leaseExpiresAt?: EpochMs;
  /** When a lease was last taken over from a holder that may still store: a verdict waits for it. */
  readonly inDoubtSince?: EpochMs;
  /** When a redemption last ended without an answer. */
  readonly unconfirmedAt?: EpochMs;
}

export interface ActiveConnection extends Identity, SealedTokens, RedemptionMarks {
  readonly status: 'active';
  /** Of {@link sweepShardOf}, or {@link DISCONNECTING_SHARD}. */
  readonly sweepShard: number;
}

/** Keeps its tokens: a late STORE of their successor revives it. */
export interface LapsedConnection extends Identity, SealedTokens, RedemptionMarks {
  readonly status: 'reconnect_required';
  readonly statusReason: ReconnectReason;
  readonly statusChangedAt: EpochMs;
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
export interface Grant extends Identity, Omit<SealedTokens, 'rotation'> {}

/** The right to redeem a connection's refresh token now. */
export interface Lease {
  readonly id: string;
  readonly expiresAt: EpochMs;
}

/** Tells one OAuth client from another, in 8 characters. */
export const clientDigest = (clientId: string): string =>
  createHash('sha256').update(clientId).digest('base64url').slice(0, 8);

export const SWEEP_SHARDS = 8;

/**
 * The shard of the connections that are being disconnected while Jobber does not answer. Every sweep finds all of them;
 * a rotation leaves them there, a new grant takes them out.
 */
export const DISCONNECTING_SHARD = SWEEP_SHARDS;

export const isDisconnecting = (connection: Connection): boolean =>
  connection.status === 'active' && connection.sweepShard === DISCONNECTING_SHARD;

/** Whether this very token, as it was sealed, is the connection's. */
export const hasRefreshToken = (
  found: Connection | undefined,
  refreshToken: Sealed<'refreshToken'>,
): boolean =>
  found !== undefined && 'refreshToken' in found && sameSealed(found.refreshToken, refreshToken);

/** Spreads the `due` index over {@link SWEEP_SHARDS} partitions. */
export function sweepShardOf(accountId: string): number {
  return createHash('sha256').update(accountId).digest().readUInt8(0) % SWEEP_SHARDS;
}
