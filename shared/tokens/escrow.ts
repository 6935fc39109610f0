import * as z from 'zod/mini';
import type { EpochSeconds } from '../runtime/clock.ts';
import type { ConnectionTable, Successor } from './connection-table.ts';
import { sameSealed } from './same-sealed.ts';
import type { Sealed } from './sealing.ts';

/** A rotation on its way to the table; both of its tokens and the one they replace are sealed. */
export interface SealedRotation {
  readonly accountId: string;
  readonly redeemed: Sealed<'refreshToken'>;
  readonly successor: Successor;
}

/** Keeps rotations that the table refused, until `save-rotation` has stored them. */
export interface Escrow {
  /** Rejects if it cannot keep the rotation, given as {@link encodeRotation} gives it. */
  keep(accountId: string, encoded: string, signal: AbortSignal): Promise<void>;
}

const bytes = z.pipe(
  z.string().check(z.regex(/^[\w-]+$/)),
  z.transform((text) => new Uint8Array(Buffer.from(text, 'base64url'))),
);
const EncodedRotation = z.object({
  accountId: z.string().check(z.minLength(1)),
  redeemed: bytes,
  accessToken: z.optional(bytes),
  refreshToken: bytes,
  accessTokenExpiresAt: z.int(),
  refreshedAt: z.int(),
});

/** One word without quotes, so that it passes through logs and shells unharmed. */
export function encodeRotation({ accountId, redeemed, successor }: SealedRotation): string {
  const { accessToken, refreshToken, accessTokenExpiresAt, refreshedAt } = successor;
  const fields = {
    accountId,
    redeemed: toText(redeemed),
    ...(accessToken && { accessToken: toText(accessToken) }),
    refreshToken: toText(refreshToken),
    accessTokenExpiresAt,
    refreshedAt,
  };
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

/** @throws Error if the text is not an encoded rotation */
export function decodeRotation(encoded: string): SealedRotation {
  const fields = EncodedRotation.parse(JSON.parse(Buffer.from(encoded, 'base64url').toString()));
  return {
    accountId: fields.accountId,
    redeemed: fields.redeemed as Sealed<'refreshToken'>,
    successor: {
      accessToken: fields.accessToken as Sealed<'accessToken'> | undefined,
      refreshToken: fields.refreshToken as Sealed<'refreshToken'>,
      accessTokenExpiresAt: fields.accessTokenExpiresAt as EpochSeconds,
      refreshedAt: fields.refreshedAt as EpochSeconds,
    },
  };
}

/**
 * Stores a rotation if nothing else has taken the place of the token it redeemed. May be repeated.
 * @throws the SDK's errors
 */
export async function saveRotation(
  table: ConnectionTable,
  { accountId, redeemed, successor }: SealedRotation,
): Promise<'stored' | 'superseded'> {
  // A token that came back unchanged is no rotation: late, it would put an old access token over a newer one.
  if (sameSealed(redeemed, successor.refreshToken)) return 'superseded';
  const { stored } = await table.store(accountId, redeemed, successor);
  return stored ? 'stored' : 'superseded';
}

const toText = (sealed: Uint8Array) => Buffer.from(sealed).toString('base64url');
