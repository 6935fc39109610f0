import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DisconnectResponse } from '../../shared/client/contract.ts';
import { idOf, MAPLE, NORTHWIND, type TestSystem, testSystem } from '../support/local-system.ts';
import { until } from '../support/until.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
beforeEach(async () => {
  system.simulator.reset();
  await system.connect(MAPLE);
});

const disconnect = (request: unknown = { accountId: idOf(MAPLE) }) =>
  system.invoke('disconnect', request) as Promise<DisconnectResponse>;
const stored = async (account: number) =>
  (await system.connections()).find(({ accountId }) => accountId === idOf(account));
const grantsAtJobber = (account: number) =>
  system.simulator.auditAccount(account).liveRefreshTokens.length;
const answered = (status: string) => ({ ok: true, accountId: idOf(MAPLE), status });

describe('disconnect', () => {
  it('ends the grant at Jobber and deletes its tokens', async () => {
    expect(await disconnect()).toEqual(answered('disconnected'));
    expect(grantsAtJobber(MAPLE)).toBe(0);
    expect(await system.item(idOf(MAPLE))).not.toHaveProperty('refreshToken');
    expect(await system.getToken({ accountId: idOf(MAPLE) })).toMatchObject({
      error: { code: 'disconnected', retryable: false },
    });
    expect(await disconnect()).toEqual(answered('disconnected'));
  });

  it('deletes the tokens of an account that was disconnected in Jobber already', async () => {
    system.simulator.disconnect(MAPLE);
    expect(await disconnect()).toEqual(answered('disconnected'));
  });

  it('deletes the tokens of an account that is no longer active', async () => {
    system.simulator.deactivate(MAPLE);
    expect(await disconnect()).toEqual(answered('disconnected'));
  });

  it.each([
    ['is down', { kind: 'status', status: 503, path: 'graphql' } as const],
    ['shows a waiting room', { kind: 'html-200', path: 'graphql' } as const],
    ['throttles', { kind: 'throttled', path: 'graphql' } as const],
    ['answers, but nobody hears it', { kind: 'drop-after', path: 'graphql' } as const],
    [
      'says no',
      {
        kind: 'status',
        status: 200,
        path: 'graphql',
        body: '{"data":{"appDisconnect":{"app":null,"userErrors":[{"message":"No"}]}}}',
      } as const,
    ],
  ])(
    'waits when Jobber %s: no token for anybody, and sweeps go on until it is done',
    async (_, fault) => {
      system.simulator.faults.push({ ...fault, times: 2 });
      expect(await disconnect()).toEqual(answered('disconnecting'));
      expect(await stored(MAPLE)).toMatchObject({ status: 'active', disconnecting: true });
      expect(await system.getToken({ accountId: idOf(MAPLE) })).toMatchObject({
        error: { code: 'disconnected' },
      });
      expect(await system.sweep()).toEqual({ queued: 1, complete: true });
      await until(() => system.simulator.faults.pending().length === 0);
      await until(async () => {
        await system.sweep();
        return (await stored(MAPLE))?.status === 'disconnected';
      });
      expect(grantsAtJobber(MAPLE)).toBe(0);
      expect(await system.sweep()).toEqual({ queued: 0, complete: true });
    },
  );

  it('is left off by a reconnect', async () => {
    system.simulator.faults.push({ kind: 'status', status: 503, path: 'graphql' });
    expect(await disconnect()).toEqual(answered('disconnecting'));
    await system.connect(MAPLE);
    const late = JSON.stringify({ accountId: idOf(MAPLE), task: 'disconnect' });
    expect(await system.deliver(late)).toEqual({ batchItemFailures: [] });
    expect(await stored(MAPLE)).toMatchObject({ status: 'active', disconnecting: false });
    expect(await system.getToken({ accountId: idOf(MAPLE) })).toMatchObject({ ok: true });
  });

  it('leaves other accounts alone', async () => {
    await system.connect(NORTHWIND);
    await disconnect();
    expect(await stored(NORTHWIND)).toMatchObject({ status: 'active' });
    expect(grantsAtJobber(NORTHWIND)).toBe(1);
  });

  it.each([
    ['nothing', undefined, 'invalid_request'],
    ['no account', {}, 'invalid_request'],
    ['something else besides', { accountId: 'x', now: true }, 'invalid_request'],
    ['an account that never connected', { accountId: 'nobody' }, 'not_connected'],
  ])('invoked with %s is a typed error', async (_, request, code) => {
    expect(await system.invoke('disconnect', request)).toMatchObject({
      ok: false,
      error: { code, retryable: false },
    });
  });
});
