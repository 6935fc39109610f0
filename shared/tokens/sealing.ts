import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { deriveKey, deriveSubkey, type KeyVersion } from '../runtime/derive-key.ts';
import { SecretsUnavailableError } from './errors.ts';

declare const attribute: unique symbol;

/** An encrypted token as stored (Binary), bound to its connection and to this attribute. */
export type Sealed<A extends TokenAttribute> = Uint8Array & { readonly [attribute]: A };
export type TokenAttribute = 'accessToken' | 'refreshToken';

/** One version of the sealing secret. */
export type RootKey = KeyVersion;

/** The versions of the sealing secret. */
export interface KeyRing {
  /** The version to seal with. Rejects if it cannot be read. */
  current(): Promise<RootKey>;
  /** The version with this id, `undefined` if it is gone. Rejects if it cannot be read. */
  find(id: string): Promise<RootKey | undefined>;
}

/** The sealed value was altered, moved to another place, or its key is gone. */
export class UnsealableError extends Error {
  override readonly name = 'UnsealableError';
}

// version | key id length | key id | nonce | ciphertext | tag
const FORMAT = 2;
/** Earlier versions of this code sealed the tokens of all accounts with one key. */
const ONE_KEY_FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const UUID_BYTES = 16;

/**
 * Encrypts a token with AES-256-GCM, the account id and attribute name as additional data, so that a
 * value copied to another connection or attribute does not open. Each account has a key of its own: random nonces
 * of one key are safe for 2^32 values (NIST SP 800-38D, section 8.3), which a million connections would reach in ten weeks.
 */
export function seal<A extends TokenAttribute>(
  key: RootKey,
  token: string,
  accountId: string,
  attribute: A,
): Sealed<A> {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(key, accountId), nonce);
  cipher.setAAD(additionalData(accountId, attribute));
  const keyId = packKeyId(key.id);
  return Buffer.concat([
    Buffer.from([FORMAT, keyId.length]),
    keyId,
    nonce,
    cipher.update(token, 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]) as Uint8Array as Sealed<A>;
}

export function isSealedWith(key: RootKey, sealed: Uint8Array): boolean {
  return Buffer.from(sealed.subarray(2, 2 + (sealed[1] ?? 0))).equals(packKeyId(key.id));
}

/** @throws UnsealableError, SecretsUnavailableError */
export async function unseal<A extends TokenAttribute>(
  keys: KeyRing,
  sealed: Sealed<A>,
  accountId: string,
  attribute: A,
): Promise<string> {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
  const keyIdEnd = 2 + (bytes[1] ?? 0);
  const cipherStart = keyIdEnd + NONCE_BYTES;
  const [format] = bytes;
  const isKnown = format === FORMAT || format === ONE_KEY_FORMAT;
  if (!isKnown || bytes.length < cipherStart + TAG_BYTES) {
    throw new UnsealableError('The sealed token has an unknown format.');
  }
  const key = await keys.find(unpackKeyId(bytes.subarray(2, keyIdEnd))).catch((cause: unknown) => {
    throw new SecretsUnavailableError(cause);
  });
  if (!key) throw new UnsealableError('The sealing key of the token no longer exists.');
  try {
    const decipher = createDecipheriv(
      'aes-256-gcm',
      format === FORMAT ? sealingKey(key, accountId) : commonKey(key),
      bytes.subarray(keyIdEnd, cipherStart),
      { authTagLength: TAG_BYTES },
    );
    decipher.setAAD(additionalData(accountId, attribute));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const token = decipher.update(bytes.subarray(cipherStart, -TAG_BYTES));
    // Throws if the tag does not fit; of GCM nothing else is left to decrypt.
    decipher.final();
    return token.toString();
  } catch (cause) {
    throw new UnsealableError('The sealed token does not belong here or was altered.', { cause });
  }
}

/** What the keys of the accounts are derived from. */
const commonKey = (root: RootKey): KeyObject => deriveKey(root.secret, 'seal');

/** The key of one account. */
const sealingKey = (root: RootKey, accountId: string): KeyObject =>
  deriveSubkey(commonKey(root), accountId);

const additionalData = (accountId: string, attribute: TokenAttribute) =>
  Buffer.from(`${attribute}\0${accountId}`);

// Secrets Manager's own version ids are UUIDs; packed, they keep the item within one write unit.
const packKeyId = (id: string) =>
  UUID.test(id) ? Buffer.from(id.replaceAll('-', ''), 'hex') : Buffer.from(id);

const unpackKeyId = (bytes: Buffer) =>
  bytes.length === UUID_BYTES
    ? bytes.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5')
    : bytes.toString();
