import { describe, expect, it } from 'vitest';
import type { EpochMs } from '../../../shared/runtime/clock.ts';
import { ESCROW_TRIES, LONGEST_LEASE, REFUSED_PAUSE } from '../../../shared/tokens/budgets.ts';
import type { ActiveConnection } from '../../../shared/tokens/connection.ts';
import { decide, isLeased, isPaused, type Wanted } from '../../../shared/tokens/decide.ts';
import { ACCOUNT } from '../../support/token-system.ts';

const NOW_S = 1_800_000_000;
const NOW = (NOW_S * 1000) as EpochMs;
const TOKEN = 'access-token';

const connectionWith = (attributes: object) =>
  ({ status: 'active', accountId: ACCOUNT, ...attributes }) as ActiveConnection;

/** What is decided about a token, its times in seconds from now. */
function decisionOn(
  { lasts, refreshed, ...marks }: { lasts: number; refreshed: number; [mark: string]: number },
  wanted: Partial<Wanted> = {},
) {
  const expiresAt = (NOW_S + lasts) as never;
  return decide(
    connectionWith({ accessTokenExpiresAt: expiresAt, refreshedAt: NOW_S + refreshed, ...marks }),
    { accountId: ACCOUNT, accessToken: TOKEN, expiresAt },
    { validitySeconds: 60, rejectedToken: undefined, ...wanted },
    NOW,
  );
}

describe('the decision about a stored token', () => {
  it.each([
    ['just the validity asked for and half of its life', 60, -60, 'refresh'],
    ['a little more than half of its life', 60, -59, 'use'],
    ['a little more than the validity asked for', 61, -3_539, 'use'],
  ])('depends on how long it lasts: %s', (_, lasts, refreshed, kind) => {
    expect(decisionOn({ lasts, refreshed })).toHaveProperty('kind', kind);
  });

  it.each([0, -10])(
    'is never to use it %i seconds after its expiry, though a wrong clock dated it later',
    (lasts) => {
      const decision = decisionOn({ lasts, refreshed: 3_600 }, { validitySeconds: 0 });
      expect(decision).toHaveProperty('kind', 'refresh');
    },
  );

  it('lets a refresh wait exactly as long as the token serves its caller for more than a minute', () => {
    const urgencyAt = (lasts: number, wanted: Partial<Wanted> = {}) =>
      decisionOn({ lasts, refreshed: -3_000 }, { validitySeconds: 900, ...wanted });
    expect(urgencyAt(61)).toHaveProperty('urgency', 'ahead');
    expect(urgencyAt(60)).toHaveProperty('urgency', 'now');
    expect(urgencyAt(-1)).toHaveProperty('urgency', 'now');
    expect(urgencyAt(600, { rejectedToken: TOKEN })).toHaveProperty('urgency', 'now');
  });

  it('is to fail, and to send nothing, while its refresh token is paused', () => {
    const decision = decisionOn({ lasts: 0, refreshed: -3_600, retryAt: NOW + 1 });
    expect(decision).toMatchObject({ kind: 'fail', error: { code: 'rotation_in_doubt' } });
  });
});

describe('a connection', () => {
  it.each([
    ['until a pause ends in a millisecond', { retryAt: NOW + 1 }],
    ['for the longest pause', { retryAt: NOW + 2 * REFUSED_PAUSE }],
    ['while a successor is in escrow', { escrowedAt: NOW }],
    ['to the last moment of an escrow', { escrowedAt: NOW - ESCROW_TRIES + 1 }],
    ['by an escrow whose clock is ahead', { escrowedAt: NOW + LONGEST_LEASE }],
    ['by an escrow, though a pause is over', { retryAt: NOW, escrowedAt: NOW }],
  ])('is paused %s', (_, marks) => {
    expect(isPaused(connectionWith(marks), NOW)).toBe(true);
  });

  it.each([
    ['without marks', {}],
    ['when its pause ends', { retryAt: NOW }],
    ['by a pause that a wrong clock has set', { retryAt: NOW + 2 * REFUSED_PAUSE + 1 }],
    ['when the escrow has given up', { escrowedAt: NOW - ESCROW_TRIES }],
    ['by an escrow that a wrong clock has dated', { escrowedAt: NOW + LONGEST_LEASE + 1 }],
  ])('is not paused %s', (_, marks) => {
    expect(isPaused(connectionWith(marks), NOW)).toBe(false);
  });

  it.each([
    ['to the last moment of its lease', { leaseExpiresAt: NOW }],
    ['for the longest lease', { leaseExpiresAt: NOW + LONGEST_LEASE }],
  ])('is leased %s', (_, lease) => {
    expect(isLeased(connectionWith(lease), NOW)).toBe(true);
  });

  it.each([
    ['without a lease', {}],
    ['when its lease has ended', { leaseExpiresAt: NOW - 1 }],
    ['by a lease that a wrong clock has set', { leaseExpiresAt: NOW + LONGEST_LEASE + 1 }],
  ])('is not leased %s', (_, lease) => {
    expect(isLeased(connectionWith(lease), NOW)).toBe(false);
  });
});
