import { createDecipheriv } from 'node:crypto';
import { deriveKey, deriveSubkey } from '../../shared/runtime/derive-key.ts';
import type { RootKey, Sealed, TokenAttribute } from '../../shared/tokens/sealing.ts';

/** Opens a sealed token without waiting, for the one who watches: its format is that of `sealing.ts`. */
export function openNow<A extends TokenAttribute>(
  key: RootKey,
  sealed: Sealed<A>,
  accountId: string,
  attribute: A,
): string {
  const bytes = Buffer.from(sealed);
  const start = 2 + (bytes[1] ?? 0);
  const decipher = createDecipheriv(
    'aes-256-gcm',
    deriveSubkey(deriveKey(key.secret, 'seal'), accountId),
    bytes.subarray(start, start + 12),
  );
  decipher.setAAD(Buffer.from(`${attribute}\0${accountId}`));
  decipher.setAuthTag(bytes.subarray(-16));
  return (
    decipher.update(bytes.subarray(start + 12, -16), undefined, 'utf8') + decipher.final('utf8')
  );
}
