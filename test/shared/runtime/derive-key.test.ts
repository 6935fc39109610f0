import { describe, expect, it } from 'vitest';
import { deriveKey, deriveSubkey, keyMaterial } from '../../../shared/runtime/derive-key.ts';

describe('keys derived from a secret', () => {
  const hex = (key: ReturnType<typeof deriveKey>) => key.export().toString('hex');
  const one = keyMaterial('1'.repeat(32));
  const other = keyMaterial('2'.repeat(32));

  it('differ by secret, by purpose and by subject, and stay the same otherwise', () => {
    const all = [
      deriveKey(one, 'seal'),
      deriveKey(one, 'state'),
      deriveKey(other, 'seal'),
      deriveSubkey(deriveKey(one, 'seal'), 'account 1'),
      deriveSubkey(deriveKey(one, 'seal'), 'account 2'),
    ].map(hex);
    expect(new Set(all).size).toBe(5);
    expect(all.every((key) => key.length === 64)).toBe(true);
    expect(hex(deriveKey(keyMaterial('1'.repeat(32)), 'seal'))).toBe(all[0]);
  });

  it('are refused of a secret shorter than 32 characters', () => {
    expect(() => keyMaterial('x'.repeat(31))).toThrow(
      expect.objectContaining({ code: 'secret_too_short' }),
    );
  });
});
