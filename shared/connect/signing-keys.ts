import { type Clock, plus } from '../runtime/clock.ts';
import { type KeyVersion, keyVersionOf } from '../runtime/derive-key.ts';
import type { CachedSecret } from '../runtime/secrets.ts';

/*
 * States, connect links and claims are signed with a secret of their own: the functions that browsers reach cannot read
 * the sealing secret.
 */

/** Its id is the `kid` of what is signed with it. */
export type SigningKey = KeyVersion;

/** The versions of the signing secret. All reject if it cannot be read. */
export interface SigningKeys {
  toSign(): Promise<SigningKey>;
  /** The key of this id, if signatures of it still count. Asks Secrets Manager for no other version. */
  find(id: unknown): Promise<SigningKey | undefined>;
  /** Every key whose signatures still count. */
  all(): Promise<readonly SigningKey[]>;
}

/** How long a version counts after it was replaced: a connect link lives for 15 minutes. */
export const REPLACED_KEY_COUNTS_MS = 20 * 60_000;
/** As long as a process may not know a new version: nothing is signed with it until all know it. */
const UNKNOWN_FOR_MS = 5 * 60_000;

export function signingKeys(
  secret: Pick<CachedSecret, 'current' | 'previous'>,
  clock: Clock,
): SigningKeys {
  async function versions() {
    const current = await secret.current();
    return { current, previous: await secret.previous(REPLACED_KEY_COUNTS_MS) };
  }

  async function all(): Promise<readonly SigningKey[]> {
    const { current, previous } = await versions();
    return [current, ...(previous ? [previous] : [])].map(keyVersionOf);
  }

  return {
    all,
    async toSign() {
      const { current, previous } = await versions();
      const isNew = plus(current.createdAt, UNKNOWN_FOR_MS) > clock.now();
      return keyVersionOf(isNew && previous ? previous : current);
    },
    find: async (id) => (await all()).find((key) => key.id === id),
  };
}
