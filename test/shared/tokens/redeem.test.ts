import { beforeEach, describe, expect, it } from 'vitest';
import { type EpochSeconds, plus } from '../../../shared/runtime/clock.ts';
import * as budget from '../../../shared/tokens/budgets.ts';
import { redeemHeld } from '../../../shared/tokens/redeem.ts';
import type { Redemption } from '../../../shared/tokens/token-endpoint.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

/* REDEEM and RENEW alone: the answers are scripted, and each takes as long as it says. */

const ROTATED: Redemption = {
  outcome: 'rotated',
  accessToken: 'access',
  refreshToken: 'successor',
  expiresAt: 0 as EpochSeconds,
};
const LOST: Redemption = { outcome: 'unknown', maybeRedeemed: true, cause: 'no answer' };
const UNSENT: Redemption = { outcome: 'unknown', maybeRedeemed: false, cause: 'no answer' };

let clock: FakeClock;
let answers: [after: number, Redemption | Error][];
let sent: number[];
let events: string[];
let renew: () => Promise<unknown>;
let renewed: number;
let mayGoAgain: boolean;
beforeEach(() => {
  clock = fakeClock();
  answers = [];
  sent = [];
  events = [];
  renewed = 0;
  mayGoAgain = true;
  renew = async () => ({ written: true, before: undefined });
});

async function redeem({ time = 180_000, lease = budget.LEASE as number } = {}) {
  const start = clock.now();
  const table = {
    renew: () => {
      renewed++;
      return renew();
    },
  };
  const held = { accountId: 'a', leaseId: 'l', leaseExpiresAt: plus(start, lease) };
  return redeemHeld({ table, clock } as never, held as never, {
    refreshToken: 'token',
    deadline: plus(start, time),
    passage: {
      sending: () => true,
      slow: async () => void events.push('slow'),
      ended: async (ending, took) => void events.push(`${ending} after ${took}`),
      again: async () => mayGoAgain,
      leave: async () => undefined,
    },
    async redeem() {
      sent.push(clock.now() - start);
      const [after, answer] = answers.shift() ?? [0, ROTATED];
      await clock.sleep(after);
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
}

describe('REDEEM', () => {
  it('sends the token once if an answer comes', async () => {
    answers = [[20, ROTATED]];
    expect(await redeem()).toEqual({ redemption: ROTATED, unanswered: false, took: 20 });
    expect(sent).toEqual([0]);
    expect(events).toEqual([]);
  });

  it('sends nothing with less time than an answer needs', async () => {
    const least = budget.REDEEM + budget.STORE + budget.ESCROW;
    expect((await redeem({ time: least - 1 })).redemption).toBeUndefined();
    expect(sent).toEqual([]);
    expect((await redeem({ time: least })).redemption).toEqual(ROTATED);
  });

  it('sends nothing once the lease has ended', async () => {
    expect((await redeem({ lease: 0 })).redemption).toBeUndefined();
    expect(sent).toEqual([]);
  });

  it('sends the token again soon if the request never left', async () => {
    answers = [
      [5, UNSENT],
      [5, UNSENT],
    ];
    expect(await redeem()).toMatchObject({ redemption: ROTATED, unanswered: false });
    expect(sent).toHaveLength(3);
    expect(events).toEqual(['harmless after 5', 'harmless after 5']);
    expect(sent[2]).toBeLessThan(budget.PROBE_EVERY);
  });

  it('sends it once more after a lost answer, and then no more', async () => {
    answers = [
      [5, LOST],
      [5, LOST],
      [5, LOST],
    ];
    expect(await redeem()).toEqual({ redemption: LOST, unanswered: true, took: 5 });
    expect(sent).toEqual([0, 5 + budget.PROBE_EVERY]);
    expect(events).toEqual(['lost after 5', 'lost after 5']);
  });

  it('remembers a lost answer, though the next one came', async () => {
    answers = [[5, LOST]];
    expect(await redeem()).toMatchObject({ redemption: ROTATED, unanswered: true });
  });

  it('does not send it again if it may not go as the probe', async () => {
    mayGoAgain = false;
    answers = [[5, LOST]];
    expect(await redeem()).toMatchObject({ redemption: LOST, unanswered: true });
    expect(sent).toEqual([0]);
  });

  it('waits no longer than its retries may take', async () => {
    answers = [[0, { ...UNSENT, retryAfterMs: budget.RETRIES }]];
    await redeem();
    expect(sent).toEqual([0, budget.RETRIES]);
    sent = [];
    answers = [[0, { ...UNSENT, retryAfterMs: budget.RETRIES + 1 }]];
    expect((await redeem()).redemption).toMatchObject({ outcome: 'unknown' });
    expect(sent).toEqual([0]);
  });

  it('takes an endpoint that throws for a lost answer', async () => {
    answers = [[0, new Error('broken')]];
    expect(await redeem()).toMatchObject({ redemption: ROTATED, unanswered: true });
    expect(events).toEqual(['lost after 0']);
  });
});

describe('RENEW', () => {
  it('extends the lease every ten seconds while the answer is out, and no longer', async () => {
    answers = [[35_000, ROTATED]];
    await redeem();
    expect(renewed).toBe(3);
    clock.advance(60_000);
    expect(renewed).toBe(3);
  });

  it('says that an answer is slow once it has been out for nine seconds', async () => {
    answers = [[budget.RENEW_EVERY - 1, ROTATED]];
    await redeem();
    expect(events).toEqual([]);
    answers = [[25_000, ROTATED]];
    await redeem();
    expect(events).toEqual(['slow', 'slow']);
  });

  it.each([
    ['slow that has been out for just nine seconds', 0, ['harmless after 0', 'slow']],
    ['nothing slow that has been out for less', 1, ['harmless after 0']],
  ])('calls an answer to a second attempt %s', async (_, later, expected) => {
    // The first attempt ends and the second begins before the timer fires.
    answers = [
      [0, { ...UNSENT, retryAfterMs: budget.RENEW_EVERY - budget.SLOW_ANSWER + later }],
      [budget.SLOW_ANSWER + 1, ROTATED],
    ];
    await redeem();
    expect(renewed).toBe(1);
    expect(events).toEqual(expected);
  });

  it('calls nothing slow between two attempts', async () => {
    answers = [[0, LOST]];
    await redeem();
    expect(renewed).toBe(1);
    expect(events).toEqual(['lost after 0']);
  });

  it('that fails leaves the lease as it is: another attempt may begin', async () => {
    renew = async () => Promise.reject(new Error('throttled'));
    answers = [[0, LOST]];
    expect(await redeem()).toMatchObject({ redemption: ROTATED });
    expect(sent).toEqual([0, budget.PROBE_EVERY]);
  });

  it('that was refused ends the lease: the answer is waited for, and nothing more is sent', async () => {
    renew = async () => ({ written: false, found: undefined });
    answers = [[15_000, ROTATED]];
    expect(await redeem()).toMatchObject({ redemption: ROTATED });
    answers = [[0, LOST]];
    sent = [];
    expect(await redeem()).toMatchObject({ redemption: LOST });
    expect(sent).toEqual([0]);
  });

  it('keeps a short lease alive for the second attempt', async () => {
    answers = [[0, LOST]];
    expect(await redeem({ lease: budget.RENEW_EVERY + 500 })).toMatchObject({
      redemption: ROTATED,
    });
    expect(sent).toHaveLength(2);
  });
});
