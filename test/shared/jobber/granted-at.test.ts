import { describe, expect, it } from 'vitest';
import { grantedAt } from '../../../shared/jobber/granted-at.ts';
import type { EpochMs, EpochSeconds } from '../../../shared/runtime/clock.ts';
import { ACCOUNT, tokenSystem } from '../../support/token-system.ts';

const now = Date.UTC(2026, 0, 15, 9, 0, 0, 400) as EpochMs;
const seconds = Math.floor(now / 1000);
const inAnHourFrom = (offset: number) => (seconds + 3_600 + offset) as EpochSeconds;

describe('two connects at once, of which Jobber ended the earlier grant', () => {
  it('leave the later grant, though the answer to the earlier code comes last', async () => {
    const { clock, connect, stored } = await tokenSystem();
    const pairOf = (issuedAt: EpochMs) => ({
      expiresAt: (Math.floor(issuedAt / 1000) + 3_600) as EpochSeconds,
    });
    const earlier = pairOf(clock.now());
    clock.advance(1_500);
    const later = pairOf(clock.now());
    await connect(ACCOUNT, grantedAt(later.expiresAt, clock.now()));
    const { grantId } = await stored();
    clock.advance(14_500);
    await connect(ACCOUNT, grantedAt(earlier.expiresAt, clock.now()));
    expect(await stored()).toMatchObject({ grantId });
  });
});

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
