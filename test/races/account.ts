import type { RootKey } from '../../shared/tokens/sealing.ts';

/** The one account that all scenarios are about, and the key that its tokens are sealed with. */
export const ACCOUNT = 'account';
export const KEY: RootKey = { id: 'k'.repeat(32), secret: Buffer.from('secret') };
