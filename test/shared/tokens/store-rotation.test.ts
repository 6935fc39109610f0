import { beforeEach, describe, expect, it } from 'vitest';
import { type EpochMs, type EpochSeconds, plus } from '../../../shared/runtime/clock.ts';
import { GRACE } from '../../../shared/tokens/budgets.ts';
import { seal } from '../../../shared/tokens/sealing.ts';
import { storeAnswer } from '../../../shared/tokens/store-rotation.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';
import { rootKey } from '../../support/token-system.ts';

/* What becomes of an answer that brings the same refresh token: rotation is off. */

const ACCOUNT = 'account';
const OLD_KEY = rootKey('00000000-0000-4000-8000-000000000001');
const KEY = rootKey('00000000-0000-4000-8000-000000000002');
const PAIR = { accessToken: 'new', refreshToken: 'token', expiresAt: 9_000 as EpochSeconds };

let clock: FakeClock;
let counted: string[];
let written: Record<string, unknown>[];
let answer: () => Promise<unknown>;
beforeEach(() => {
  clock = fakeClock();
  counted = [];
  written = [];
  answer = async () => ({ stored: true });
});

function store(
  marks: { inDoubtSince?: EpochMs; unconfirmedAt?: EpochMs } = {},
  { abandoned = false, key = OLD_KEY } = {},
) {
  const refreshToken = seal(OLD_KEY, 'token', ACCOUNT, 'refreshToken');
  const held = { accountId: ACCOUNT, leaseId: 'lease', refreshToken, abandoned, before: marks };
  const table = {
    storeUnchanged: (_held: object, successor: object, options: object) => {
      written.push({ ...successor, ...options });
      return answer();
    },
  };
  const telemetry = { count: (metric: string) => void counted.push(metric) };
  const dependencies = { table, clock, telemetry } as never;
  const result = storeAnswer(dependencies, held as never, 'token', PAIR, key);
  return result.then((stored) => ({
    stored,
    isSealedAnew: written[0]?.['refreshToken'] !== refreshToken,
    ...written[0],
  }));
}

describe('a refresh token that came back unchanged', () => {
  it('clears all marks and may be sealed with the new key when nobody else can be under way', async () => {
    expect(await store({}, { key: KEY })).toMatchObject({
      stored: { stored: true },
      keepsMarks: false,
      inDoubtSince: undefined,
      isSealedAnew: true,
      accessTokenExpiresAt: 9_000,
    });
    expect(counted).toEqual(['RefreshSucceeded']);
  });

  it('keeps its bytes while the key is the same', async () => {
    expect(await store()).toMatchObject({ isSealedAnew: false });
  });

  it.each(['inDoubtSince', 'unconfirmedAt'] as const)(
    'keeps its bytes and the marks while %s is less than ten minutes ago',
    async (mark) => {
      const recent = plus(clock.now(), -GRACE + 1);
      const kept = { keepsMarks: true, isSealedAnew: false };
      expect(await store({ [mark]: recent }, { key: KEY })).toMatchObject(kept);
      written = [];
      const old = { keepsMarks: false, isSealedAnew: true };
      expect(await store({ [mark]: plus(recent, -GRACE) }, { key: KEY })).toMatchObject(old);
    },
  );

  it('keeps its bytes and the marks after a takeover, and leaves the time of it', async () => {
    expect(await store({}, { abandoned: true, key: KEY })).toMatchObject({
      keepsMarks: true,
      isSealedAnew: false,
      inDoubtSince: clock.now(),
    });
  });

  it('counts no success if another one was stored first', async () => {
    const found = { accountId: ACCOUNT };
    answer = async () => ({ stored: false, found });
    expect((await store()).stored).toEqual({ stored: false, found });
    expect(counted).toEqual([]);
  });

  it('is handed out though the table refuses it: the next refresh brings another', async () => {
    answer = async () => Promise.reject(new Error('throttled'));
    expect((await store()).stored).toEqual({ stored: true });
    expect(counted).toEqual([]);
    expect(written.length).toBeGreaterThan(2);
  });
});
