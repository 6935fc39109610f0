import { describe, expect, it } from 'vitest';
import { accessTokens } from '../../../shared/client/access-tokens.ts';
import type {
  GetTokenErrorCode,
  GetTokenRequest,
  GetTokenResponse,
} from '../../../shared/client/contract.ts';
import { GetTokenFailedError } from '../../../shared/client/errors.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { until } from '../../support/until.ts';

const refuse = (code: GetTokenErrorCode, retryable: boolean): GetTokenResponse => ({
  ok: false,
  error: { code, message: `because of ${code}`, retryable },
});

/** A get-token that counts its tokens; `coming` answers come first. */
function container(lifetimeSeconds = 3_600) {
  const clock = fakeClock();
  const requests: GetTokenRequest[] = [];
  const coming: (() => GetTokenResponse | Promise<GetTokenResponse>)[] = [];
  const issue = (): GetTokenResponse => ({
    ok: true,
    accountId: '',
    accessToken: `token ${requests.length}`,
    expiresAt: clock.now() / 1_000 + lifetimeSeconds,
  });
  const tokens = accessTokens({
    clock,
    async invoke(request) {
      requests.push(request);
      return coming.shift()?.() ?? issue();
    },
  });
  const get = async (accountId: string, options?: Parameters<typeof tokens.get>[1]) =>
    (await tokens.get(accountId, options)).accessToken;
  return { clock, requests, coming, issue, tokens, get };
}

describe('an access token', () => {
  it('is asked for once, until 60 s before it expires', async () => {
    const { clock, requests, get, tokens } = container();
    expect(await tokens.get('a')).toEqual({
      accountId: 'a',
      accessToken: 'token 1',
      expiresAt: clock.now() / 1_000 + 3_600,
    });
    clock.advance(3_539_000);
    expect(await get('a')).toBe('token 1');
    clock.advance(1_000);
    expect(await get('a')).toBe('token 2');
    expect(requests).toEqual([{ accountId: 'a' }, { accountId: 'a' }]);
  });

  it('that hardly lasts is handed on, but not kept', async () => {
    const { get } = container(30);
    expect(await get('a')).toBe('token 1');
    expect(await get('a')).toBe('token 2');
  });

  it('is asked for once by callers at once, and by each account for itself', async () => {
    const { requests, get } = container();
    await Promise.all(['a', 'a', 'b', 'a', 'b'].map((account) => get(account)));
    expect(requests.map(({ accountId }) => accountId)).toEqual(['a', 'b']);
  });

  it('of at most 1,000 accounts is kept', async () => {
    const { requests, get } = container();
    for (let account = 0; account <= 1_000; account++) await get(`${account}`);
    await get('1000');
    expect(requests).toHaveLength(1_001);
    await get('0');
    expect(requests).toHaveLength(1_002);
  });

  it('that was rejected is not taken from memory, nor from a request that is under way', async () => {
    const { coming, issue, get, requests } = container();
    const old = Promise.withResolvers<GetTokenResponse>();
    coming.push(() => old.promise);
    const early = get('a');
    const stale = issue();
    const forced = get('a', { rejectedToken: 'token 1' });
    expect(await forced).toBe('token 2');
    old.resolve(stale);
    expect(await early).toBe('token 1');
    expect(requests[1]).toEqual({ accountId: 'a', rejectedToken: 'token 1' });
    expect(await get('a', { rejectedToken: 'token 1' })).not.toBe('token 1');
  });

  it('that was rejected and not replaced is forgotten', async () => {
    const { coming, get, requests } = container();
    await get('a');
    const gone = () => refuse('reconnect_required', false);
    coming.push(gone, gone);
    await expect(get('a', { rejectedToken: 'token 1' })).rejects.toThrow('reconnect_required');
    await expect(get('a')).rejects.toThrow('reconnect_required');
    expect(requests).toHaveLength(3);
  });

  it('does not give way to one that expires earlier and comes later', async () => {
    const { clock, coming, issue, get } = container();
    const slow = Promise.withResolvers<GetTokenResponse>();
    coming.push(() => slow.promise);
    const early = get('a');
    const stale = issue();
    clock.advance(1_000);
    const newer = await get('a', { rejectedToken: 'another' });
    slow.resolve(stale);
    await early;
    expect(await get('a')).toBe(newer);
  });
});

describe('a failure', () => {
  it.each([
    'refresh_in_progress',
    'refresh_outcome_unknown',
    'refresh_paused',
    'table_unavailable',
    'secrets_unavailable',
    'deadline_too_close',
    'internal_error',
  ] as const)('%s is tried again, with pauses that grow', async (code) => {
    const { clock, coming, get } = container();
    coming.push(...Array.from({ length: 3 }, () => () => refuse(code, true)));
    expect(await get('a')).toBe('token 4');
    const [first = 0, second = 0, third = 0] = clock.slept;
    expect(first).toBeGreaterThanOrEqual(100);
    expect(second).toBeGreaterThanOrEqual(200);
    expect(third).toBeGreaterThanOrEqual(400);
  });

  it('is tried again for less than 30 s', async () => {
    const { clock, coming, get } = container();
    const started = clock.now();
    coming.push(...Array.from({ length: 50 }, () => () => refuse('table_unavailable', true)));
    await expect(get('a')).rejects.toMatchObject({ code: 'table_unavailable', retryable: true });
    expect(clock.now() - started).toBeGreaterThan(20_000);
    expect(clock.now() - started).toBeLessThan(30_000);
  });

  it.each([
    ['reconnect_required', false],
    ['not_connected', false],
    ['disconnected', false],
    ['access_token_rejected', false],
    ['invalid_request', false],
    ['client_rejected', true],
    ['rotation_in_doubt', true],
  ] as const)('%s is not tried again', async (code, retryable) => {
    const { coming, get, requests } = container();
    coming.push(() => refuse(code, retryable));
    await expect(get('a')).rejects.toMatchObject({
      name: 'NoAccessTokenError',
      code,
      retryable,
      message: `because of ${code}`,
    });
    expect(requests).toHaveLength(1);
  });

  it('of the invocation is tried again if it may pass', async () => {
    const { coming, get } = container();
    const fail = (retryable: boolean) => () => {
      throw new GetTokenFailedError('FunctionError: Unhandled', retryable);
    };
    coming.push(fail(true));
    expect(await get('a')).toBe('token 2');
    coming.push(fail(false));
    await expect(get('b')).rejects.toMatchObject({ code: 'get_token_failed', retryable: false });
  });

  it('is the same for all who asked at once, and for nobody later', async () => {
    const { coming, get, requests } = container();
    coming.push(() => refuse('not_connected', false));
    const asked = await Promise.allSettled([get('a'), get('a')]);
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await get('a')).toBe('token 2');
    expect(requests).toHaveLength(2);
  });
});

it('a signal ends the waiting of its own caller only', async () => {
  const { coming, issue, get, requests } = container();
  const slow = Promise.withResolvers<GetTokenResponse>();
  coming.push(() => slow.promise);
  const stop = new AbortController();
  const impatient = get('a', { signal: stop.signal });
  const patient = get('a');
  await until(() => requests.length === 1);
  stop.abort(new Error('enough'));
  await expect(impatient).rejects.toThrow('enough');
  await expect(get('a', { signal: stop.signal })).rejects.toThrow('enough');
  slow.resolve(issue());
  expect(await patient).toBe('token 1');
});
