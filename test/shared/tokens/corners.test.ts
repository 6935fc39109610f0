import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EpochMs } from '../../../shared/runtime/clock.ts';
import {
  ESCROW,
  GRACE,
  LEASE,
  LONGEST_LEASE,
  RENEW_EVERY,
  RETRIES,
  SPENDING,
  STORE,
} from '../../../shared/tokens/budgets.ts';
import { holdUp, noAnswer, type Step, unreachable } from '../../support/provider.ts';
import { ACCOUNT, CALL_TIME as CALL, MINUTE, tokenSystem } from '../../support/token-system.ts';
import { until } from '../../support/until.ts';

/* What no larger story in the tests beside this one depends on. */

let system: Awaited<ReturnType<typeof tokenSystem>>;
beforeEach(async () => {
  system = await tokenSystem();
  await system.connect();
  system.expireAccessToken();
});

afterEach(() => vi.restoreAllMocks());

const at = (time: number) => time as EpochMs;

describe('attempts to redeem', () => {
  /** When each attempt was made, in milliseconds from the start. */
  async function attemptsOf(step: Step, deadline: number): Promise<number[]> {
    const started = system.clock.now();
    const times: number[] = [];
    const noted: Step = (carryOut) => {
      times.push(system.clock.now() - started);
      return step(carryOut);
    };
    system.server.script(...Array.from({ length: 200 }, () => noted));
    await expect(
      system.helper.getAccessToken(ACCOUNT, { deadline: at(started + deadline) }),
    ).rejects.toMatchObject({ code: 'refresh_outcome_unknown' });
    return times;
  }

  it('go on only as long as what may follow them fits the deadline', async () => {
    const times = await attemptsOf(() => unreachable, SPENDING + 6_000);
    expect(Math.max(...times)).toBeLessThanOrEqual(6_000);
    expect(Math.max(...times)).toBeGreaterThan(2_000);
  });

  it('end after twelve seconds, however far the deadline', async () => {
    const times = await attemptsOf(() => unreachable, CALL);
    expect(Math.max(...times)).toBeLessThanOrEqual(RETRIES);
    expect(Math.max(...times)).toBeGreaterThan(RETRIES - 4_000);
  });

  it('end when RENEW finds the lease in other hands', async () => {
    const { db, server, startProcess } = system;
    const robbed = startProcess({
      ...db.table,
      renew: async () => ({ written: false, found: undefined }),
    });
    server.script(() => ({ ...unreachable, retryAfterMs: RENEW_EVERY + 500 }) as never);
    await expect(robbed.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'refresh_outcome_unknown',
    });
    expect(server.redemptions).toHaveLength(1);
  });

  it('wait for a slow answer as long as it can still be stored', async () => {
    const { server, clock } = system;
    server.script(async (carryOut) => {
      clock.advance(CALL - STORE - ESCROW);
      return carryOut();
    });
    await system.helper.getAccessToken(ACCOUNT);
    expect(server.timeouts).toEqual([CALL - STORE - ESCROW]);
  });

  it('pause even if Retry-After says that they need not', async () => {
    system.server.script(() => ({ ...unreachable, retryAfterMs: 0 }) as never);
    await system.helper.getAccessToken(ACCOUNT);
    expect(system.clock.slept[0]).toBeGreaterThanOrEqual(125);
  });

  it('may begin at the last moment from which everything fits', async () => {
    const wait: Step = () => ({ ...unreachable, retryAfterMs: 6_000 }) as never;
    expect(await attemptsOf(wait, SPENDING + 6_000)).toEqual([0, 6_000]);
  });

  it('that never began are told from those without an answer', async () => {
    const { db, clock, startProcess } = system;
    const slow = startProcess({
      ...db.table,
      async claim(...args) {
        const claim = await db.table.claim(...args);
        clock.advance(MINUTE);
        return claim;
      },
    });
    await expect(slow.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'deadline_too_close',
    });
    expect(system.metrics).toEqual([]);
    expect(system.latencies).toEqual([]);
    expect(await system.stored()).not.toHaveProperty('unconfirmedAt');
    system.server.script(() => {
      clock.advance(MINUTE);
      throw new Error('broken');
    });
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toThrow('unexpected error');
  });

  it('are remembered when only the first of them may have been received', async () => {
    system.server.script(
      () => noAnswer,
      ...Array.from({ length: 50 }, (): Step => () => unreachable),
    );
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    expect(await system.stored()).toHaveProperty('unconfirmedAt', system.clock.now());
  });

  it.each<[string, Step]>([
    ['an endpoint that throws', () => Promise.reject(new Error('broken'))],
    ['no answer', () => noAnswer],
  ])('are remembered when the client is rejected after %s', async (_, first) => {
    system.server.script(first, () => ({ outcome: 'client_rejected' }));
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'client_rejected',
    });
    expect(await system.stored()).toHaveProperty('unconfirmedAt');
  });

  it('are remembered when the verdict is in doubt', async () => {
    await system.db.set(ACCOUNT, { leaseId: 'dead', leaseExpiresAt: system.clock.now() - 1 });
    system.server.revoke();
    system.server.script(() => noAnswer);
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
    expect(await system.stored()).toHaveProperty('unconfirmedAt');
    expect(await system.stored()).toHaveProperty('inDoubtSince');
  });

  it('are not begun when loading the secrets took too long', async () => {
    const { server, helper, clock, db } = system;
    server.beforePrepare = () => clock.advance(CALL - SPENDING + 1);
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'deadline_too_close',
    });
    expect(db.calls).toEqual(['GetItem']);
  });
});

/** The first refusal leaves a mark, and the grace passes. */
async function refuseOnce(): Promise<void> {
  system.server.script(() => ({ outcome: 'refused' }));
  await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
    code: 'rotation_in_doubt',
  });
  system.clock.advance(GRACE);
}

describe('a verdict', () => {
  it('is left to the next holder when the lease has gone over to it', async () => {
    const { server, helper, db } = system;
    await refuseOnce();
    server.script(async () => {
      await db.set(ACCOUNT, { leaseId: 'theirs' });
      db.calls.length = 0;
      return { outcome: 'refused' };
    });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
    expect(db.calls.filter((call) => call === 'UpdateItem')).toHaveLength(1);
    expect(await system.status()).toBe('active');
    expect(system.metrics).not.toContain('ReconnectRequired');
  });

  it('is not even tried on a token that has changed, or a connection that has ended', async () => {
    const { server, helper, db } = system;
    const lapsed = { status: 'reconnect_required', statusReason: 'revoked' };
    for (const end of [
      () => system.connect(),
      () => db.set(ACCOUNT, lapsed),
      () => db.set(ACCOUNT, { status: 'disconnected' }),
    ]) {
      await system.connect();
      system.expireAccessToken();
      server.script(async () => {
        await end();
        db.calls.length = 0;
        return { outcome: 'refused' };
      });
      await helper.getAccessToken(ACCOUNT).catch(() => undefined);
      expect(db.calls).toEqual(['GetItem']);
    }
  });

  it('is recognised as given when the reply of its write was lost', async () => {
    const { server, helper, db } = system;
    await refuseOnce();
    server.script(() => {
      db.fail('UpdateItem', 'lost');
      return { outcome: 'refused' };
    });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ reason: 'revoked' });
    expect(system.metrics).toEqual(['ReconnectRequired']);
  });

  it('reaches the caller although the current token has not expired', async () => {
    const { helper, clock, server, startProcess } = system;
    await helper.getAccessToken(ACCOUNT);
    clock.advance(49 * MINUTE);
    server.revoke();
    const far = { minValiditySeconds: 1_800 };
    await startProcess().getAccessToken(ACCOUNT, far);
    clock.advance(10 * MINUTE + 30_000);
    await expect(startProcess().getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'reconnect_required',
    });
  });
});

describe('callers beside a refresh', () => {
  it('in the same process join it, though they come when its lease is taken', async () => {
    const { server, helper, db, clock } = system;
    const goOn = holdUp(server, 'request');
    const first = helper.getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    db.calls.length = 0;
    const { get } = db.table;
    let hasRead = false;
    db.table.get = (...args) =>
      get(...args).finally(() => {
        hasRead = true;
      });
    const second = helper.getAccessToken(ACCOUNT);
    await until(() => hasRead);
    goOn();
    expect(await second).toEqual(await first);
    expect(db.calls).toEqual(['GetItem', 'UpdateItem']);
    expect(clock.slept).toEqual([]);
  });

  it('in the same process do not wait for it while the current token lasts', async () => {
    const { server, helper, clock } = system;
    const current = await helper.getAccessToken(ACCOUNT);
    clock.advance(59 * MINUTE + 30_000);
    const goOn = holdUp(server, 'request');
    const refreshing = helper.getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 2);
    expect(await helper.getAccessToken(ACCOUNT)).toEqual(current);
    goOn();
    expect((await refreshing).accessToken).not.toBe(current.accessToken);
  });

  it('in the same process do not wait for a refresh that has no lease yet while the current token lasts', async () => {
    const { db, helper, clock, startProcess } = system;
    const current = await helper.getAccessToken(ACCOUNT);
    clock.advance(59 * MINUTE + 30_000);
    const claiming = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    let reads = 0;
    const process = startProcess({
      ...db.table,
      get: (...args) => db.table.get(...args).finally(() => reads++),
      async claim(...args) {
        claiming.resolve();
        await goOn.promise;
        return db.table.claim(...args);
      },
    });
    const refreshing = process.getAccessToken(ACCOUNT);
    await claiming.promise;
    const second = process.getAccessToken(ACCOUNT);
    await until(() => reads === 2);
    // By then it would have joined.
    await new Promise(setImmediate);
    goOn.resolve();
    expect(await second).toEqual(current);
    expect((await refreshing).accessToken).not.toBe(current.accessToken);
  });

  it('are not given the current token in the second in which it expires', async () => {
    const { db, clock, helper } = system;
    await db.set(ACCOUNT, {
      accessTokenExpiresAt: system.nowSeconds(),
      leaseId: 'somebody',
      leaseExpiresAt: clock.now() + LEASE,
    });
    const deadline = at(clock.now() + 2_000);
    await expect(helper.getAccessToken(ACCOUNT, { deadline })).rejects.toMatchObject({
      retryable: true,
    });
  });

  it('double their pauses every third time', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const { db, clock, helper } = system;
    await db.set(ACCOUNT, { leaseId: 'somebody', leaseExpiresAt: clock.now() + LEASE });
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    const everyThird = clock.slept.filter((_, index) => index % 3 === 0);
    expect(everyThird.slice(0, 6)).toEqual([50, 100, 200, 400, 800, 1_000]);
  });

  it('with little time do not wait for the long pause of the others', {
    timeout: 10_000,
  }, async () => {
    const { db, clock, startProcess } = system;
    await db.set(ACCOUNT, { leaseId: 'somebody', leaseExpiresAt: clock.now() + LEASE });
    const pausing = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const { sleep } = clock;
    let pauses = 0;
    clock.sleep = async (ms) => {
      if (++pauses > 1) return sleep(ms);
      pausing.resolve();
      return goOn.promise;
    };
    const process = startProcess();
    const patient = process.getAccessToken(ACCOUNT);
    await pausing.promise;
    const deadline = at(clock.now() + 1_200);
    await expect(process.getAccessToken(ACCOUNT, { deadline })).rejects.toMatchObject({
      retryable: true,
    });
    expect(pauses).toBeGreaterThan(1);
    goOn.resolve();
    await expect(patient).rejects.toThrow();
  });

  it('wait, and do not try again and again, when the lease was taken after they looked', async () => {
    const { server, startProcess, db } = system;
    const before = await system.stored();
    const goOn = holdUp(server, 'request');
    const first = startProcess().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    db.calls.length = 0;
    let looks = 0;
    const late = startProcess({
      ...db.table,
      get: async (accountId) => (looks++ === 0 ? before : db.table.get(accountId)),
    });
    const second = late.getAccessToken(ACCOUNT);
    await until(() => system.clock.slept.length === 3);
    expect(db.calls.filter((call) => call === 'UpdateItem')).toHaveLength(1);
    expect(system.metrics.filter((metric) => metric === 'RefreshWaited')).toHaveLength(1);
    goOn();
    expect(await second).toEqual(await first);
  });

  it.each([
    ['ends this millisecond', 0],
    ['is as long as any', LONGEST_LEASE],
  ])('follow a lease that %s by reading alone', async (_, lasts) => {
    const { db, clock, helper } = system;
    await db.set(ACCOUNT, { leaseId: 'somebody', leaseExpiresAt: clock.now() + lasts });
    db.calls.length = 0;
    const deadline = at(clock.now() + 560);
    await expect(helper.getAccessToken(ACCOUNT, { deadline })).rejects.toThrow();
    expect(db.calls.slice(0, 2)).toEqual(['GetItem', 'GetItem']);
  });

  it('from the queue come again, though the token expires with the horizon', async () => {
    const { db, clock, helper } = system;
    await db.set(ACCOUNT, {
      accessTokenExpiresAt: system.nowSeconds() + 900,
      leaseId: 'somebody',
      leaseExpiresAt: clock.now() + LEASE,
    });
    await expect(helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 })).rejects.toMatchObject({
      code: 'refresh_in_progress',
    });
  });

  it('wait to the last moment of their time', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const { db, clock, helper } = system;
    await db.set(ACCOUNT, { leaseId: 'somebody', leaseExpiresAt: clock.now() + LEASE });
    const deadline = at(clock.now() + 550);
    await expect(helper.getAccessToken(ACCOUNT, { deadline })).rejects.toThrow();
    expect(clock.slept).toEqual([50]);
  });

  it('stop waiting at their deadline, not after it', async () => {
    const { db, clock, helper } = system;
    await db.set(ACCOUNT, { leaseId: 'somebody', leaseExpiresAt: clock.now() + LEASE });
    const deadline = at(clock.now() + 10_000);
    await expect(helper.getAccessToken(ACCOUNT, { deadline })).rejects.toThrow();
    expect(clock.now()).toBeLessThanOrEqual(deadline);
    expect(clock.now()).toBeGreaterThan(deadline - 2_000);
  });
});

describe('a stored token', () => {
  it('is refreshed if it lasts for just the validity that is asked for', async () => {
    const { helper, db, server } = system;
    await db.set(ACCOUNT, { accessTokenExpiresAt: system.nowSeconds() + 61 });
    await helper.getAccessToken(ACCOUNT);
    expect(server.redemptions).toEqual([]);
    await db.set(ACCOUNT, { accessTokenExpiresAt: system.nowSeconds() + 60 });
    await system.startProcess().getAccessToken(ACCOUNT);
    expect(server.redemptions).toHaveLength(1);
  });

  it('whose key cannot be read just now is no reason to reconnect', async () => {
    system.keys.unreadable = true;
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({
      code: 'secrets_unavailable',
      retryable: true,
    });
  });

  it('is told of: waits, adoptions, unknown outcomes, and how long the endpoint took', async () => {
    const { server, helper, clock, latencies, metrics, startProcess } = system;
    server.script((carryOut) => {
      clock.advance(321);
      return carryOut();
    });
    await helper.getAccessToken(ACCOUNT);
    expect(latencies).toEqual([321]);
    await startProcess().refreshIfDue(ACCOUNT, { minValiditySeconds: 900 });
    expect(metrics).toEqual(['RefreshSucceeded', 'RefreshAdopted']);
    system.expireAccessToken();
    server.script(() => ({ ...unreachable, retryAfterMs: 1e9 }) as never);
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    expect(metrics.at(-1)).toBe('RefreshUnknown');
  });
});
