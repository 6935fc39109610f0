import type { RootKey } from '../../shared/tokens/sealing.ts';

/** The one account that all scenarios are about, and the key that its tokens are sealed with. */
export const ACCOUNT = 'account';
export const KEY: RootKey = { id: 'k'.repeat(32), secret: Buffer.from('secret') };

/** For how long after its last use it is kept warm, in milliseconds. */
export const KEEP_WARM = 24 * 60 * 60_000;

/** Its slots, written down here so that no mistake of the code decides what is right. */
export const SLOTS = { warm: 'warm/13', idle: 'idle/1138' } as const;
