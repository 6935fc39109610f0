import { describe, expect, it } from 'vitest';
import { grantedAt } from '../../../shared/jobber/granted-at.ts';
import type { EpochMs, EpochSeconds } from '../../../shared/runtime/clock.ts';

const now = Date.UTC(2026, 0, 15, 9, 0, 0, 400) as EpochMs;
const seconds = Math.floor(now / 1000);
const inAnHourFrom = (offset: number) => (seconds + 3_600 + offset) as EpochSeconds;

describe('the time of a grant', () => {
  it('is Jobber’s, by the expiry of the access token, whenever its answer came', () => {
    expect(grantedAt(inAnHourFrom(-16), now)).toBe((seconds - 16) * 1000 + 999);
    expect(grantedAt(inAnHourFrom(-2), now)).toBeGreaterThan(grantedAt(inAnHourFrom(-3), now));
  });

  it('is the end of its second, so that a disconnect of that second does not end it', () => {
    expect(grantedAt(inAnHourFrom(0), now)).toBe(seconds * 1000 + 999);
  });

  it.each([-3_540, -61, 61, 1_800])(
    'is ours if the token lives %i s more than an hour',
    (offset) => {
      expect(grantedAt(inAnHourFrom(offset), now)).toBe(now);
    },
  );
});
