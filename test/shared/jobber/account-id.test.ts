import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountIdForms } from '../../../shared/jobber/account-id.ts';

const GLOBAL = Buffer.from('gid://Jobber/Account/430114').toString('base64');
const NUMBER = Buffer.from('430114').toString('base64');

describe('an account id', () => {
  it.each([GLOBAL, NUMBER, '430114'])('written %s is found in every form, as given first', (id) => {
    const forms = accountIdForms(id);
    expect(forms[0]).toBe(id);
    expect([...forms].sort()).toEqual([GLOBAL, NUMBER, '430114'].sort());
  });

  it.each(['', 'x', 'Z2lkOi8vSm9iYmVyL0NsaWVudC8x', '12a', '9'.repeat(40)])(
    'that is none of Jobber’s, %j, is itself alone',
    (id) => {
      expect(accountIdForms(id)).toEqual([id]);
    },
  );

  it('is never another account’s, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.nat().map(String), fc.base64String()), (id) => {
        for (const form of accountIdForms(id).slice(1)) {
          expect(accountIdForms(form)).toHaveLength(3);
          expect(accountIdForms(form)).toContain(accountIdForms(id).at(-1));
        }
      }),
    );
  });
});
