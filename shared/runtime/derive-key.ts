import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { SecretVersion } from './secrets.ts';

/** The fewest characters of a secret that keys are derived from. */
export const LEAST_SECRET_LENGTH = 32;

/** A secret is too short for keys to be derived from it. */
export class SecretTooShortError extends Error {
  override readonly name = 'SecretTooShortError';
  readonly code = 'secret_too_short';
  constructor() {
    super(
      `The secret is shorter than ${LEAST_SECRET_LENGTH} characters, so no key is derived from it. No token is lost. ` +
        'Put a longer random value into it as a new version.',
    );
  }
}

/** The bytes of a secret. @throws SecretTooShortError */
export function keyMaterial(secret: string): Uint8Array {
  if (secret.length < LEAST_SECRET_LENGTH) throw new SecretTooShortError();
  return Buffer.from(secret);
}

/** One version of a secret, for keys to be derived from. */
export interface KeyVersion {
  /** Secrets Manager's version id. */
  readonly id: string;
  readonly secret: Uint8Array;
}

const versions = new WeakMap<SecretVersion, KeyVersion>();

/** The same object for the same version, so that the keys derived from it are kept. @throws SecretTooShortError */
export function keyVersionOf(version: SecretVersion): KeyVersion {
  const known = versions.get(version) ?? { id: version.id, secret: keyMaterial(version.value) };
  versions.set(version, known);
  return known;
}

const derived = new WeakMap<Uint8Array, Map<string, KeyObject>>();

/** A key of 32 bytes for one purpose (HKDF, RFC 5869): no two purposes share key material. Kept as long as the secret is. */
export function deriveKey(secret: Uint8Array, purpose: string): KeyObject {
  const known = derived.get(secret) ?? new Map<string, KeyObject>();
  derived.set(secret, known);
  const key = known.get(purpose) ?? hkdf(secret, purpose);
  known.set(purpose, key);
  return key;
}

function hkdf(secret: Uint8Array, purpose: string): KeyObject {
  const bytes = hkdfSync('sha256', secret, '', `jobber-tokens/${purpose}`, 32);
  return createSecretKey(new Uint8Array(bytes));
}

/** A further key of 32 bytes, for one of many subjects: HKDF's expansion of one block (RFC 5869, section 2.3). */
export function deriveSubkey(key: KeyObject, subject: string): KeyObject {
  return createSecretKey(createHmac('sha256', key).update(subject).update('\x01').digest());
}
