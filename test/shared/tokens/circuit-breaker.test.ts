import { beforeEach, describe, expect, it } from 'vitest';
import { breakerItem } from '../../../shared/tokens/breaker-item.ts';
import { LEASE, PROBE_EVERY, PROMPT_PROBES } from '../../../shared/tokens/budgets.ts';
import { circuitBreaker } from '../../../shared/tokens/circuit-breaker.ts';
import { answerLost, holdUp } from '../../support/provider.ts';
import { tokenSystem } from '../../support/token-system.ts';
import { until } from '../../support/until.ts';

const ACCOUNTS = Array.from({ length: 12 }, (_, index) => `account-${index}`);
const AHEAD = { minValiditySeconds: 7_200 };

let system: Awaited<ReturnType<typeof tokenSystem>>;
beforeEach(async () => {
  system = await tokenSystem();
  for (const account of ACCOUNTS) await system.connect(account);
});

const refreshAll = () =>
  Promise.allSettled(ACCOUNTS.map((account) => system.startProcess().refreshIfDue(account, AHEAD)));
const codes = (results: PromiseSettledResult<unknown>[]) =>
  results.flatMap((each) => (each.status === 'rejected' ? [each.reason.code] : []));

describe('the circuit breaker', () => {
  it('lets one refresh ahead of expiry find out how the endpoint is, and the others after it', async () => {
    const { server, startProcess } = system;
    const process = startProcess();
    const answer = holdUp(server, 'answer');
    const all = ACCOUNTS.map((account) => process.refreshIfDue(account, AHEAD));
    await until(() => server.redemptions.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.redemptions).toHaveLength(1);
    answer();
    await Promise.all(all);
    expect(server.redemptions).toHaveLength(ACCOUNTS.length);
  });

  it('lets the next refresh ahead of expiry find out if the first one ends before it sends anything', async () => {
    const { server, clock, startProcess } = system;
    const process = startProcess();
    const hurried = process.refreshIfDue('account-0', { ...AHEAD, deadline: clock.now() });
    await expect(hurried).rejects.toMatchObject({ code: 'deadline_too_close' });
    await process.refreshIfDue('account-1', AHEAD);
    expect(server.redemptions).toHaveLength(1);
  });

  it('stops the refreshes ahead of expiry of all processes at the first lost answer', async () => {
    const { server, startProcess } = system;
    server.script(...Array.from({ length: 50 }, () => answerLost));
    await expect(startProcess().refreshIfDue('account-0', AHEAD)).rejects.toThrow();
    server.redemptions.length = 0;
    const results = await refreshAll();
    expect(new Set(codes(results))).toContain('refresh_paused');
    expect(server.redemptions.length).toBeLessThanOrEqual(1);
  });

  it('sends one probe in ten seconds, and closes after three prompt rotations in a row', async () => {
    const { server, clock, startProcess } = system;
    server.script(answerLost, answerLost);
    await expect(startProcess().refreshIfDue('account-0', AHEAD)).rejects.toThrow();
    server.redemptions.length = 0;
    expect(codes(await refreshAll())).toHaveLength(ACCOUNTS.length);
    expect(server.redemptions).toHaveLength(0);
    for (let probe = 1; probe <= PROMPT_PROBES; probe++) {
      clock.advance(PROBE_EVERY);
      await startProcess().refreshIfDue(`account-${probe}`, AHEAD);
      expect(server.redemptions).toHaveLength(probe);
      const paused = codes(await refreshAll()).filter((code) => code === 'refresh_paused');
      expect(paused.length > 0).toBe(probe < PROMPT_PROBES);
    }
  });

  it('sends no second probe while the first one waits for its answer', async () => {
    const { server, clock, startProcess } = system;
    server.script(answerLost, answerLost);
    await expect(startProcess().refreshIfDue('account-0', AHEAD)).rejects.toThrow();
    server.redemptions.length = 0;
    clock.advance(PROBE_EVERY);
    const answer = holdUp(server, 'answer');
    const probe = startProcess().refreshIfDue('account-1', AHEAD);
    await until(() => server.redemptions.length === 1);
    for (const wait of [0, PROBE_EVERY, PROBE_EVERY, PROBE_EVERY]) {
      clock.advance(wait);
      // The process of the probe keeps its place meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await expect(startProcess().refreshIfDue('account-2', AHEAD)).rejects.toMatchObject({
        code: 'refresh_paused',
      });
    }
    answer();
    await probe;
    expect(server.redemptions).toHaveLength(1);
  });

  it('sends no probe after a stall that has outlasted its place', async () => {
    const { server, clock, db, startProcess } = system;
    server.script(answerLost, answerLost);
    await expect(startProcess().refreshIfDue('account-0', AHEAD)).rejects.toThrow();
    clock.advance(PROBE_EVERY);
    const item = breakerItem(db.client, db.tableName);
    const passage = await circuitBreaker({ item, clock }).enter('ahead');
    clock.advance(LEASE - 1);
    expect(passage.sending()).toBe(true);
    clock.advance(1);
    expect(passage.sending()).toBe(false);
  });

  it('stays open when Jobber refuses promptly, and counts anew after a lost answer', async () => {
    const { server, clock, startProcess } = system;
    server.script(answerLost, answerLost);
    await expect(startProcess().refreshIfDue('account-0', AHEAD)).rejects.toThrow();
    const refuse = () => ({ outcome: 'refused' }) as const;
    for (const step of [refuse, refuse, undefined, undefined, answerLost, undefined, undefined]) {
      clock.advance(2 * PROBE_EVERY);
      server.script(...(step ? [step] : []));
      const account = ACCOUNTS[1 + server.redemptions.length] ?? '';
      await startProcess()
        .refreshIfDue(account, AHEAD)
        .catch(() => undefined);
    }
    expect(codes(await refreshAll())).toContain('refresh_paused');
  });

  it('lets a caller pass who needs a token now, unless its own process has seen an answer lost', async () => {
    const { server, startProcess } = system;
    system.expireAccessToken();
    const unlucky = startProcess();
    server.script(answerLost, answerLost);
    await expect(unlucky.getAccessToken('account-0')).rejects.toThrow();
    await expect(unlucky.getAccessToken('account-1')).rejects.toMatchObject({
      code: 'refresh_paused',
      retryable: true,
    });
    await startProcess().getAccessToken('account-2');
    expect((await system.stored('account-1')).rotation).toBe(0);
    expect((await system.stored('account-2')).rotation).toBe(1);
  });

  it('does not keep a caller who needs a token now waiting for a refresh that it pauses', async () => {
    const { server, startProcess } = system;
    system.expireAccessToken();
    server.script(answerLost, answerLost);
    await expect(startProcess().refreshIfDue('account-0', AHEAD)).rejects.toThrow();
    const process = startProcess();
    const ahead = process.refreshIfDue('account-1', AHEAD);
    const token = process.getAccessToken('account-1');
    await expect(ahead).rejects.toMatchObject({ code: 'refresh_paused' });
    expect(await token).toHaveProperty('accessToken');
  });

  it('pauses callers who need a token now and join each other, with one look at the item and no write', async () => {
    const { server, db, startProcess } = system;
    system.expireAccessToken();
    const unlucky = startProcess();
    server.script(answerLost, answerLost);
    await expect(unlucky.getAccessToken('account-0')).rejects.toThrow();
    await expect(unlucky.refreshIfDue('account-1', AHEAD)).rejects.toThrow();
    db.calls.length = 0;
    const joined = await Promise.allSettled(
      Array.from({ length: 20 }, () => unlucky.getAccessToken('account-1')),
    );
    for (const each of joined) {
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'refresh_paused' } });
    }
    // One read of the connection, one of the item.
    expect(db.calls).toEqual(['GetItem', 'GetItem']);
  });

  it('opens when an answer is out for ten seconds', async () => {
    const { server, clock, startProcess } = system;
    const answer = holdUp(server, 'answer');
    const slow = startProcess().refreshIfDue('account-0', AHEAD);
    await until(() => server.redemptions.length === 1);
    clock.advance(PROBE_EVERY);
    await until(async () => {
      const paused = await startProcess()
        .refreshIfDue('account-1', AHEAD)
        .then(
          () => false,
          (error) => error.code === 'refresh_paused',
        );
      return paused;
    });
    answer();
    await slow;
    expect(await system.storedTokenIsLive('account-0')).toBe(true);
  });
});
