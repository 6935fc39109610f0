import { describe, expect, it } from 'vitest';
import type { EpochMs } from '../../../shared/runtime/clock.ts';
import { GRACE, REFUSED_PAUSE } from '../../../shared/tokens/budgets.ts';
import { reasonAfterAppeal, verdictOn } from '../../../shared/tokens/verdict.ts';

/* The table of docs/rotation.md, "When Jobber refuses a token", line by line. */

const NOW = 1_000_000_000 as EpochMs;
const ago = (ms: number) => (NOW - ms) as EpochMs;
const [TOKEN, OTHER] = [new Uint8Array([1]), new Uint8Array([2])] as never[];
const held = { accountId: 'a', leaseId: 'lease', refreshToken: TOKEN as never };
const found = { status: 'active', refreshToken: TOKEN };
const clean = { abandoned: false, unanswered: false };
const judge = (marks: object, evidence = clean) =>
  verdictOn({ ...found, ...marks } as never, held, evidence, NOW);
const refused = { refusedAt: ago(GRACE) };

describe('a refusal', () => {
  it.each([
    ['the token has changed', { ...found, refreshToken: OTHER }],
    ['the connection has ended', { status: 'disconnected' }],
    ['the connection was given up', { ...found, status: 'reconnect_required' }],
    ['the connection is gone', undefined],
  ])('means nothing if %s', (_, item) => {
    expect(verdictOn(item as never, held, clean, NOW)).toEqual({ kind: 'superseded' });
  });

  it('of a lease that was taken over waits, and marks the takeover', () => {
    expect(judge(refused, { abandoned: true, unanswered: false })).toEqual({
      kind: 'wait',
      marks: {
        refusedAt: ago(GRACE),
        retryAt: NOW + REFUSED_PAUSE,
        inDoubtSince: NOW,
        unconfirmedAt: undefined,
      },
    });
  });

  it('that is the first one waits', () => {
    expect(judge({})).toMatchObject({ kind: 'wait', marks: { refusedAt: NOW } });
  });

  it('less than ten minutes after the first one waits, and one after that is a verdict', () => {
    expect(judge({ refusedAt: ago(GRACE - 1) })).toMatchObject({
      kind: 'wait',
      marks: { refusedAt: ago(GRACE - 1) },
    });
    expect(judge(refused)).toEqual({ kind: 'lapse', reason: 'revoked' });
  });

  it('less than ten minutes after a takeover waits', () => {
    expect(judge({ ...refused, inDoubtSince: ago(GRACE - 1) })).toMatchObject({ kind: 'wait' });
  });

  it.each([
    ['a takeover', { inDoubtSince: ago(GRACE) }, clean],
    ['an attempt without an answer, earlier', { unconfirmedAt: ago(1) }, clean],
    ['an attempt without an answer, now', {}, { abandoned: false, unanswered: true }],
  ])('after %s means that a rotation was lost', (_, marks, evidence) => {
    expect(judge({ ...refused, ...marks }, evidence)).toEqual({
      kind: 'lapse',
      reason: 'rotation_lost',
    });
  });

  it('whose first one a wrong clock dated in the future counts from now', () => {
    expect(judge({ refusedAt: ago(-1) })).toMatchObject({ marks: { refusedAt: NOW } });
  });
});

describe('an appeal that was refused', () => {
  const lapsed = { statusReason: 'unreadable' } as never;

  it('keeps the reason that the connection was given up for', () => {
    expect(reasonAfterAppeal(lapsed, clean)).toBe('unreadable');
  });

  it('says that a rotation was lost once something shows a redemption', () => {
    expect(reasonAfterAppeal(lapsed, { abandoned: false, unanswered: true })).toBe('rotation_lost');
  });
});
