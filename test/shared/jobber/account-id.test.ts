import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalAccountId } from '../../../shared/jobber/account-id.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const CANONICAL = base64('gid://Jobber/Account/430114');

describe('an account id', () => {
  it.each([
    ['the API answers it', CANONICAL],
    ['the API answers it, without padding', CANONICAL.replace(/=+$/, '')],
    ['older examples have it', base64('430114')],
    ['access tokens have it', '430114'],
  ])('written as %s is the same id', (_, id) => {
    expect(canonicalAccountId(id)).toBe(CANONICAL);
  });

  it.each(['', 'x', base64('gid://Jobber/Client/1'), '12a', '9'.repeat(40)])(
    'that is none of Jobber’s, %j, stays what it is',
    (id) => {
      expect(canonicalAccountId(id)).toBe(id);
    },
  );

  it('stays the same when it is asked for again, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.nat().map(String), fc.base64String()), (id) => {
        const canonical = canonicalAccountId(id);
        expect(canonicalAccountId(canonical)).toBe(canonical);
      }),
    );
  });

  it('is another one for another account', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (one, other) => {
        fc.pre(one !== other);
        expect(canonicalAccountId(String(one))).not.toBe(canonicalAccountId(String(other)));
      }),
    );
  });
});
