import { beforeEach, describe, expect, it } from 'vitest';
import type { EpochMs } from '../../../shared/runtime/clock.ts';
import { LEASE, PROBE_EVERY, SLOW_ANSWER } from '../../../shared/tokens/budgets.ts';
import {
  circuitBreaker,
  type Ending,
  type Urgency,
} from '../../../shared/tokens/circuit-breaker.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

/* One process's side of the circuit breaker alone: what it asks the item for, and when it asks nothing. */

let clock: FakeClock;
let calls: string[];
let state: 'closed' | 'probe is due' | 'open';
let place: 'taken' | 'refused' | 'closed';
let fails: boolean;
let breaker: ReturnType<typeof circuitBreaker>;
beforeEach(() => {
  clock = fakeClock();
  calls = [];
  state = 'closed';
  place = 'taken';
  fails = false;
  const start = clock.now();
  const since = (time: EpochMs) => time - start;
  const call = async <T>(name: string, value: T): Promise<T> => {
    calls.push(name);
    if (fails) throw new Error('throttled');
    return value;
  };
  const item = {
    look: (_: EpochMs, consistent: boolean) =>
      call(consistent ? 'look consistently' : 'look', state),
    open: (now: EpochMs) => call(`open ${since(now)}`, undefined),
    takeProbe: () => call('takeProbe', place),
    holdProbe: (_: string, until: EpochMs) => call(`holdProbe ${since(until)}`, undefined),
    succeeded: (_: string, next: EpochMs) => call(`succeeded ${since(next)}`, undefined),
    failed: (_: string, next: EpochMs) => call(`failed ${since(next)}`, undefined),
  };
  breaker = circuitBreaker({ item, clock } as never);
});

/** A request that takes so long and ends like this. */
async function request(ending: Ending, took = 10, urgency: Urgency = 'now') {
  const passage = await breaker.enter(urgency);
  passage.sending();
  clock.advance(took);
  await passage.ended(ending, took);
  return passage;
}
const early = () => breaker.enter('ahead');

/** The second refresh ahead of expiry waits until the first one is done. */
async function expectOneToGoFirst(): Promise<void> {
  const first = await early();
  let entered = false;
  const second = early().then(() => {
    entered = true;
  });
  await clock.sleep(0);
  expect(entered).toBe(false);
  await first.leave();
  await second;
}

describe('while all is well', () => {
  it('a caller who needs a token now asks the table for nothing', async () => {
    await request('rotated');
    expect(calls).toEqual([]);
  });

  it('a refresh ahead of expiry looks at the item once', async () => {
    await request('rotated', 10, 'ahead');
    expect(calls).toEqual(['look']);
  });

  it('refreshes ahead of expiry wait for the first one, until its answer is there', async () => {
    const first = await early();
    let entered = 0;
    const others = [early(), early()].map((each) => each.then(() => void entered++));
    await clock.sleep(0);
    expect(entered).toBe(0);
    first.sending();
    await first.ended('rotated', 10);
    await Promise.all(others);
    expect(entered).toBe(2);
    expect(calls.filter((call) => call === 'look').length).toBeLessThanOrEqual(3);
  });

  it('refreshes ahead of expiry wait no longer for a first one that is slow, or that sends nothing', async () => {
    for (const end of ['slow', 'leave'] as const) {
      const first = await early();
      first.sending();
      const second = early();
      await first[end]();
      await (await second).leave();
    }
    expect(calls.filter((call) => call.startsWith('holdProbe'))).toEqual([]);
  });

  it('a first refresh that ends late does not end the turn of the next first one', async () => {
    const late = await early();
    late.sending();
    await late.slow();
    await early();
    await late.leave();
    let entered = false;
    void early().then(() => {
      entered = true;
    });
    await clock.sleep(0);
    expect(entered).toBe(false);
  });

  it('nobody waits while an answer was prompt less than a probe’s time ago', async () => {
    await request('rotated');
    clock.advance(PROBE_EVERY - 1);
    await early();
    await early();
    expect(calls).toEqual(['look', 'look']);
  });

  it('a prompt answer that is older shows nothing: one goes first again', async () => {
    await request('rotated');
    clock.advance(PROBE_EVERY);
    await expectOneToGoFirst();
  });
});

describe('a lost answer', () => {
  it('opens the breaker, at the time when it was lost', async () => {
    await request('lost', 250);
    expect(calls).toEqual(['open 250']);
  });

  it('makes the next caller of this process the probe', async () => {
    await request('lost');
    calls = [];
    state = 'probe is due';
    await breaker.enter('now');
    expect(calls).toEqual(['look consistently', 'takeProbe']);
  });

  it('pauses the next caller of this process, who writes nothing, while no probe is due', async () => {
    await request('lost');
    calls = [];
    state = 'open';
    await expect(breaker.enter('now')).rejects.toMatchObject({ code: 'refresh_paused' });
    expect(calls).toEqual(['look consistently']);
  });

  it('pauses the next caller of this process if another one probes', async () => {
    await request('lost');
    state = 'probe is due';
    place = 'refused';
    await expect(breaker.enter('now')).rejects.toMatchObject({ code: 'refresh_paused' });
  });

  it('makes every further caller wait for the place of the probe', async () => {
    await request('lost');
    state = 'probe is due';
    await breaker.enter('now');
    place = 'refused';
    await expect(breaker.enter('now')).rejects.toMatchObject({ code: 'refresh_paused' });
  });

  it('opens the breaker again after the table said that it is closed', async () => {
    await request('lost');
    state = 'probe is due';
    place = 'closed';
    calls = [];
    await request('lost');
    expect(calls).toEqual(['look consistently', 'takeProbe', 'open 20']);
  });

  it('is news though another answer was prompt in the millisecond of its request', async () => {
    const passage = await breaker.enter('now');
    passage.sending();
    await request('rotated', 0);
    await passage.ended('lost', 0);
    expect(calls).toEqual(['open 0']);
  });

  it('is forgotten once the table says that the breaker is closed', async () => {
    for (const look of [() => breaker.enter('now'), early]) {
      for (const found of ['closed', 'probe is due'] as const) {
        await request('lost');
        state = found;
        place = 'closed';
        await (await look()).leave();
        calls = [];
        await breaker.enter('now');
        expect(calls).toEqual([]);
        clock.advance(PROBE_EVERY);
        state = 'closed';
      }
    }
  });

  it('is no news once an answer to a later request was prompt', async () => {
    const old = await breaker.enter('now');
    old.sending();
    clock.advance(100);
    await request('rotated', 20);
    await old.ended('lost', 120);
    expect(calls).toEqual([]);
    await breaker.enter('now');
    expect(calls).toEqual([]);
  });

  it('of a request that was never sent is none', async () => {
    const passage = await breaker.enter('now');
    await passage.ended('lost', 0);
    expect(calls).toEqual([]);
  });

  it('does not wait for the table', async () => {
    fails = true;
    await request('lost');
    expect(calls).toEqual(['open 10']);
  });
});

describe('an answer that did no harm', () => {
  it('opens nothing and makes nobody the probe', async () => {
    await request('harmless');
    await breaker.enter('now');
    expect(calls).toEqual([]);
  });

  it('shows nothing of the endpoint: the next refresh ahead of expiry goes first', async () => {
    await request('harmless');
    await expectOneToGoFirst();
  });
});

describe('a slow answer', () => {
  it('opens the breaker once for each request', async () => {
    const passage = await breaker.enter('now');
    passage.sending();
    clock.advance(SLOW_ANSWER);
    await passage.slow();
    await passage.slow();
    expect(calls).toEqual([`open ${SLOW_ANSWER}`]);
    passage.sending();
    await passage.slow();
    expect(calls).toHaveLength(2);
  });

  it('of a rotation is not prompt: it does not let others pass', async () => {
    await request('rotated', SLOW_ANSWER);
    await expectOneToGoFirst();
  });
});

describe('the probe', () => {
  const probe = async () => {
    state = 'probe is due';
    const passage = await early();
    calls = [];
    return passage;
  };

  it('goes while its place lasts, and not after', async () => {
    const passage = await probe();
    clock.advance(LEASE - 1);
    expect(passage.sending()).toBe(true);
    clock.advance(1);
    expect(passage.sending()).toBe(false);
  });

  it('holds its place while its answer is slow, and opens nothing', async () => {
    const passage = await probe();
    passage.sending();
    clock.advance(10_000);
    await passage.slow();
    expect(calls).toEqual([`holdProbe ${10_000 + LEASE}`]);
  });

  it('that succeeds promptly says so, and when the next one may go', async () => {
    const passage = await probe();
    clock.advance(50);
    passage.sending();
    clock.advance(SLOW_ANSWER - 1);
    await passage.ended('rotated', SLOW_ANSWER - 1);
    expect(calls).toEqual([`succeeded ${50 + PROBE_EVERY}`]);
  });

  it('whose rotation came late has failed, and so has one whose answer was lost', async () => {
    const late = await probe();
    late.sending();
    clock.advance(SLOW_ANSWER);
    await late.ended('rotated', SLOW_ANSWER);
    expect(calls).toEqual([`failed ${PROBE_EVERY}`]);
    const lost = await probe();
    lost.sending();
    clock.advance(1_000);
    await lost.ended('lost', 1_000);
    // Counted from when it was lost: the request may still have been under way.
    expect(calls).toEqual([`failed ${SLOW_ANSWER + 1_000 + PROBE_EVERY}`]);
  });

  it('that a refusal or an error ended keeps its place until it leaves', async () => {
    const passage = await probe();
    passage.sending();
    await passage.ended('harmless', 5);
    expect(calls).toEqual([]);
    await passage.leave();
    expect(calls).toEqual([`holdProbe ${PROBE_EVERY}`]);
  });

  it('that never went gives its place back at once', async () => {
    const passage = await probe();
    clock.advance(70);
    await passage.leave();
    expect(calls).toEqual(['holdProbe 70']);
  });

  it('reports its end once', async () => {
    const passage = await probe();
    passage.sending();
    await passage.ended('rotated', 5);
    await passage.leave();
    expect(calls).toEqual([`succeeded ${PROBE_EVERY}`]);
  });

  it('may go again after a lost answer if the place is free, and not otherwise', async () => {
    const passage = await probe();
    expect(await passage.again()).toBe(true);
    place = 'refused';
    expect(await passage.again()).toBe(false);
    fails = true;
    expect(await passage.again()).toBe(false);
  });

  it('is not lost to a table that does not answer', async () => {
    const passage = await probe();
    fails = true;
    passage.sending();
    await passage.slow();
    await passage.ended('rotated', 5);
    await passage.leave();
    expect(calls).toHaveLength(2);
  });
});

describe('a table that cannot be read', () => {
  it('stops what is ahead of expiry: nothing is sent', async () => {
    fails = true;
    await expect(early()).rejects.toMatchObject({ code: 'table_unavailable' });
  });
});
