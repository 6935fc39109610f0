import { beforeEach, describe, expect, it } from 'vitest';
import type { EpochMs } from '../../../shared/runtime/clock.ts';
import { GRACE, LEASE, PROBE_EVERY } from '../../../shared/tokens/budgets.ts';
import { reasonFor, verdictOn } from '../../../shared/tokens/verdict.ts';
import { answerLost, holdUp } from '../../support/provider.ts';
import { ACCOUNT, MINUTE, tokenSystem } from '../../support/token-system.ts';
import { until } from '../../support/until.ts';

let system: Awaited<ReturnType<typeof tokenSystem>>;
beforeEach(async () => {
  system = await tokenSystem();
  await system.connect();
  system.expireAccessToken();
});

describe('a verdict', () => {
  const now = 1_800_000_000_000 as EpochMs;
  const ago = (ms: number) => (now - ms) as EpochMs;
  const none = { abandoned: false, unanswered: false };
  const token = Buffer.from('sealed') as never;
  const held = { accountId: ACCOUNT, leaseId: 'mine', refreshToken: token };
  const item = (marks: object) =>
    ({ status: 'active', refreshToken: token, leaseId: 'mine', ...marks }) as never;
  const refused = { refusedAt: ago(GRACE) };

  it.each([
    ['the token has changed', item({ refreshToken: Buffer.from('other') }), none, 'superseded'],
    ['the connection has ended', { status: 'disconnected' } as never, none, 'superseded'],
    ['the item is gone', undefined, none, 'superseded'],
    ['this lease was taken over', item(refused), { ...none, abandoned: true }, 'wait'],
    ['it is the first refusal', item({}), none, 'wait'],
    ['the first refusal is a moment ago', item({ refusedAt: ago(GRACE - 1) }), none, 'wait'],
    [
      'the last takeover is a moment ago',
      item({ ...refused, inDoubtSince: ago(GRACE - 1) }),
      none,
      'wait',
    ],
    ['an attempt had no answer', item(refused), { ...none, unanswered: true }, 'rotation_lost'],
    [
      'an earlier attempt had no answer',
      item({ ...refused, unconfirmedAt: ago(1) }),
      none,
      'rotation_lost',
    ],
    ['there was a takeover', item({ ...refused, inDoubtSince: ago(GRACE) }), none, 'rotation_lost'],
    ['none of that', item(refused), none, 'revoked'],
  ])('if %s', (_, found, evidence, expected) => {
    const verdict = verdictOn(found, held, evidence, now);
    expect(verdict.kind === 'lapse' ? verdict.reason : verdict.kind).toBe(expected);
  });

  it('dates the first refusal anew if a clock had dated it in the future', () => {
    const verdict = verdictOn(item({ refusedAt: now + MINUTE }), held, none, now);
    expect(verdict).toMatchObject({ kind: 'wait', marks: { refusedAt: now } });
  });

  it('after an appeal takes a lease that was taken over for a redemption', () => {
    expect(reasonFor({}, { abandoned: true, unanswered: false })).toBe('rotation_lost');
  });
});

describe('a holder', () => {
  it('does not extend the lease of the one who took its lease over', async () => {
    const { server, clock, startProcess, startStalled } = system;
    const answer = holdUp(server, 'answer');
    let tick = () => {};
    const every = (_: number, call: () => void) => {
      tick = call;
      return () => undefined;
    };
    const slow = startProcess(system.db.table, { every }).getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 1);
    clock.advance(LEASE + 1);
    holdUp(server, 'request');
    void startStalled().getAccessToken(ACCOUNT);
    await until(() => server.redemptions.length === 2);
    const taken = await system.stored();
    clock.advance(1_000);
    await tick();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await system.stored()).toEqual(taken);
    answer();
    await slow;
  });

  it('does not mark a token as spent whose successor no queue has taken', async () => {
    const { db, escrow, startProcess } = system;
    escrow.refuses = true;
    const refusing = { ...db.table, store: () => Promise.reject(new Error('throttled')) };
    await startProcess(refusing).getAccessToken(ACCOUNT);
    expect(await system.stored()).not.toHaveProperty('escrowedAt');
  });

  it('records a rotation as lost whose answer was lost at the second refusal alone', async () => {
    const { server, helper, clock } = system;
    server.script(() => ({ outcome: 'refused' }));
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    clock.advance(GRACE + PROBE_EVERY);
    server.script(answerLost);
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ reason: 'rotation_lost' });
  });
});
