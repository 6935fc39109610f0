import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Clock, type EpochMs, plus } from '../runtime/clock.ts';
import type { CredentialSource } from './token-endpoint.ts';

/** Lower case, as API Gateway gives header names. */
export const SIGNATURE_HEADER = 'x-jobber-hmac-sha256';

/** How often a signature that nothing explains makes us look for a secret newer than the one in memory. */
const RELOAD_PAUSE = 10_000;

/** In milliseconds: for webhooks that Jobber signed before. Keep it short, since the former secret may have leaked. */
const FORMER_SECRET_COUNTS_FOR = 60 * 60_000;

export interface SignatureCheck {
  /**
   * Whether `signature` is the base64 of HMAC-SHA256 over the raw body, the key the app's client secret (Jobber,
   * "Setting up Webhooks"): the current one, or for an hour the one before it. Takes as long for a signature that is
   * nearly right as for any other. Rejects if the secret cannot be read.
   */
  isFromJobber(body: Uint8Array, signature: string): Promise<boolean>;
}

export function signatureCheck(credentials: CredentialSource, clock: Clock): SignatureCheck {
  let nextReload = 0 as EpochMs;

  return {
    async isFromJobber(body, signature) {
      const isKey = (secret: string | undefined) =>
        secret !== undefined && isSigned(body, signature, secret);

      if (isKey((await credentials.get()).clientSecret)) return true;
      if (isKey((await credentials.previous(FORMER_SECRET_COUNTS_FOR))?.clientSecret)) return true;
      const now = clock.now();
      if (now < nextReload) return false;
      nextReload = plus(now, RELOAD_PAUSE);
      return isKey((await credentials.reload()).clientSecret);
    },
  };
}

function isSigned(body: Uint8Array, signature: string, secret: string): boolean {
  const expected = Buffer.from(createHmac('sha256', secret).update(body).digest('base64'));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
