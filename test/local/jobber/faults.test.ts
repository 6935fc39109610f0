import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../../local/jobber/faults.ts';
import type { JobberSimulator } from '../../../local/jobber/simulator.ts';
import {
  ACCOUNT,
  ACCOUNT_ANSWER,
  authorize,
  exchange,
  graphql,
  INVALID_CODE,
  INVALID_REFRESH_TOKEN,
  refresh,
  refreshed,
  seen,
  simulate,
  tokenAnswer,
  WRONG_CLIENT,
} from './support.ts';

async function faulty(...faults: Fault[]) {
  const { jobber } = await simulate();
  jobber.faults.push(...faults);
  return { jobber, ...jobber.issueGrant(ACCOUNT) };
}

/** A timer that is due before those of the simulator, however slow the machine is. */
const untilMet = async (jobber: JobberSimulator) => {
  while (jobber.faults.pending().length > 0) await delay(1);
};

const milliseconds = async (act: () => Promise<unknown>) => {
  const start = performance.now();
  await act();
  return performance.now() - start;
};

describe('faults before any work', () => {
  test('drop-before breaks the connection and leaves the refresh token alive', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'drop-before' });

    await expect(refresh(jobber, refreshToken)).rejects.toThrow('fetch failed');

    expect(jobber.auditAccount(ACCOUNT)).toMatchObject({ redemptions: 0, doubleRedemptions: 0 });
    expect((await refresh(jobber, refreshToken)).status).toBe(200);
  });

  test.each([
    [{ status: 500 }, 'text/plain', 'Internal Server Error'],
    [{ status: 503, retryAfter: 7 }, 'text/plain', 'Service Unavailable'],
    [{ status: 429, html: true }, 'text/html', expect.stringContaining('<h1>')],
    [{ status: 403, html: true, body: '<p>Waiting Room</p>' }, 'text/html', '<p>Waiting Room</p>'],
    [
      { status: 400, body: '{"error":"invalid_grant"}' },
      'application/json',
      { error: 'invalid_grant' },
    ],
    [{ status: 401, body: 'Error: no' }, 'text/plain', 'Error: no'],
  ] as const)('status answers %o without redeeming', async (fields, type, body) => {
    const { jobber, refreshToken } = await faulty({ kind: 'status', ...fields });

    const response = await refresh(jobber, refreshToken);

    expect(response.headers.get('retry-after')).toBe('retryAfter' in fields ? '7' : null);
    expect(await seen(response)).toEqual({ status: fields.status, type, body });
    expect(jobber.auditAccount(ACCOUNT).liveRefreshTokens).toEqual([refreshToken]);
  });

  test('GraphQL says in JSON that it is unavailable', async () => {
    const { jobber, accessToken } = await faulty({ kind: 'status', status: 503, path: 'graphql' });
    expect(await seen(await graphql(jobber, accessToken))).toEqual({
      status: 503,
      type: 'application/json',
      body: { message: 'Service temporarily unavailable' },
    });
  });

  test('GraphQL can be made to say with status 200 that a token is not recognized', async () => {
    const body = '{"message":"Token not recognized"}';
    const { jobber, accessToken } = await faulty({ kind: 'status', status: 200, body });
    expect(await seen(await graphql(jobber, accessToken))).toMatchObject({
      status: 200,
      body: { message: 'Token not recognized' },
    });
  });

  test('html-200 answers a page with status 200', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'html-200' });

    expect(await seen(await refresh(jobber, refreshToken))).toEqual({
      status: 200,
      type: 'text/html',
      body: expect.stringContaining('Just a moment…'),
    });
    expect(jobber.auditAccount(ACCOUNT).liveRefreshTokens).toEqual([refreshToken]);
  });

  test('empty-200 answers JSON without tokens', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'empty-200' });

    expect(await seen(await refresh(jobber, refreshToken))).toMatchObject({
      status: 200,
      body: {},
    });
    expect(jobber.auditAccount(ACCOUNT).liveRefreshTokens).toEqual([refreshToken]);
  });

  test('redirect leads to a page that answers 200', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'redirect' });

    const response = await refresh(jobber, refreshToken);

    expect(response.status).toBe(302);
    const target = new URL(response.headers.get('location') ?? '', jobber.url);
    expect(await seen(await fetch(target))).toMatchObject({ status: 200, type: 'text/html' });
    expect(jobber.auditAccount(ACCOUNT).liveRefreshTokens).toEqual([refreshToken]);
  });

  test('wrong-secret rejects even the right secret', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'wrong-secret' });
    expect(await seen(await refresh(jobber, refreshToken))).toEqual(WRONG_CLIENT);
    expect((await refresh(jobber, refreshToken)).status).toBe(200);
  });

  test('refuse-code refuses a code, but no refresh token', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'refuse-code' });
    expect((await refresh(jobber, refreshToken)).status).toBe(200);
    const code = await authorize(jobber);
    expect(await seen(await exchange(jobber, code))).toEqual(INVALID_CODE);
    expect((await exchange(jobber, code)).status).toBe(200);
  });

  test('refuse-refresh-token refuses a refresh token that is live, and leaves it alive', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'refuse-refresh-token' });
    expect(await seen(await refresh(jobber, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
    expect(jobber.auditAccount(ACCOUNT).liveRefreshTokens).toEqual([refreshToken]);
    expect((await refresh(jobber, refreshToken)).status).toBe(200);
  });

  test('throttled answers for GraphQL alone', async () => {
    const { jobber, accessToken, refreshToken } = await faulty({ kind: 'throttled' });
    expect((await refresh(jobber, refreshToken)).status).toBe(200);
    const { status, body } = await seen(await graphql(jobber, accessToken));
    expect(status).toBe(200);
    expect(body.errors[0].extensions.code).toBe('THROTTLED');
    expect((await seen(await graphql(jobber, accessToken))).body.data).toEqual(ACCOUNT_ANSWER);
  });
});

describe('faults in what is issued', () => {
  test('no-expires-at', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'no-expires-at' });
    const answer = await refreshed(jobber, refreshToken);
    expect(Object.keys(answer)).toEqual(['access_token', 'refresh_token']);
  });

  test('bad-expires-at', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'bad-expires-at' });
    const { expires_at } = await refreshed(jobber, refreshToken);
    expect(Date.parse(expires_at ?? '')).toBeNaN();
  });

  test('opaque-access-token: it is no JWT, and it works', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'opaque-access-token' });
    const { access_token } = await refreshed(jobber, refreshToken);
    expect(access_token).toMatch(/^[0-9a-f]{64}$/);
    expect((await graphql(jobber, access_token)).status).toBe(200);
  });

  test('no-refresh-token: the old refresh token stays valid, and redeeming it again is not double', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'no-refresh-token' });

    const answer = await refreshed(jobber, refreshToken);

    expect(answer.refresh_token).toBeUndefined();
    expect(jobber.isAccessTokenLive(answer.access_token)).toBe(true);
    expect((await refresh(jobber, refreshToken)).status).toBe(200);
    expect(jobber.auditAccount(ACCOUNT)).toMatchObject({ redemptions: 2, doubleRedemptions: 0 });
  });

  test('no-refresh-token of a code exchange: there is none', async () => {
    const { jobber } = await simulate();
    jobber.faults.push({ kind: 'no-refresh-token' });
    const answer = await tokenAnswer(await exchange(jobber, await authorize(jobber)));
    expect(Object.keys(answer)).toEqual(['access_token']);
    expect(jobber.auditAccount(ACCOUNT).liveRefreshTokens).toEqual([]);
  });
});

describe('faults after the work', () => {
  test('late redeems at once and answers later', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'late', ms: 200 });
    const took = milliseconds(async () => {
      expect((await refresh(jobber, refreshToken)).status).toBe(200);
    });
    await untilMet(jobber);
    expect(jobber.auditAccount(ACCOUNT).redemptions).toBe(1);
    expect(await took).toBeGreaterThan(150);
  });

  test('drop-after spends the refresh token and breaks the connection', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'drop-after' });

    await expect(refresh(jobber, refreshToken)).rejects.toThrow('fetch failed');

    const { redemptions, liveRefreshTokens } = jobber.auditAccount(ACCOUNT);
    expect(redemptions).toBe(1);
    expect(liveRefreshTokens).toHaveLength(1);
    expect(liveRefreshTokens).not.toContain(refreshToken);
    expect(await seen(await refresh(jobber, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
  });

  test.each([
    [{ kind: 'status-after' }, 500],
    [{ kind: 'status-after', status: 502 }, 502],
  ] as const)('%o spends the refresh token and answers %i', async (fault, status) => {
    const { jobber, refreshToken } = await faulty(fault);
    expect((await refresh(jobber, refreshToken)).status).toBe(status);
    expect(jobber.auditAccount(ACCOUNT).redemptions).toBe(1);
  });

  test('with unlessRefused a refusal is answered as usual, and counts', async () => {
    const { jobber, refreshToken } = await faulty({
      kind: 'drop-after',
      unlessRefused: true,
      times: 2,
    });
    await expect(refresh(jobber, refreshToken)).rejects.toThrow('fetch failed');
    expect(await seen(await refresh(jobber, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
    expect(jobber.faults.pending()).toEqual([]);
  });

  test('truncate announces the whole body and sends half of it', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'truncate' });

    const response = await refresh(jobber, refreshToken);

    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(100);
    await expect(response.text()).rejects.toThrow('terminated');
    expect(jobber.auditAccount(ACCOUNT).redemptions).toBe(1);
  });

  test('trickle redeems at once and sends the whole body slowly', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'trickle', bytesPerSecond: 10_000 });

    const response = await refresh(jobber, refreshToken);
    expect(jobber.auditAccount(ACCOUNT).redemptions).toBe(1);

    expect(await milliseconds(() => response.clone().json())).toBeGreaterThan(25);
    expect((await tokenAnswer(response)).refresh_token).toBe(
      jobber.auditAccount(ACCOUNT).liveRefreshTokens[0],
    );
  });

  test('a client that gives up on a trickle does not disturb the simulator', async () => {
    const { jobber, accessToken, refreshToken } = await faulty({
      kind: 'trickle',
      bytesPerSecond: 1,
    });
    const response = await refresh(jobber, refreshToken);
    await response.body?.cancel();
    expect((await graphql(jobber, accessToken)).status).toBe(200);
  });
});

describe('latency', () => {
  test('delays the work, and does it even if the client gave up', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'latency', ms: 30 });
    const client = new AbortController();

    const pending = refresh(jobber, refreshToken, client.signal).catch(() => 'gave up');
    await untilMet(jobber);
    client.abort();

    expect(jobber.auditAccount(ACCOUNT).redemptions).toBe(0);
    expect(await pending).toBe('gave up');
    await expect.poll(() => jobber.auditAccount(ACCOUNT).redemptions, { interval: 5 }).toBe(1);
  });

  test('goes together with other faults', async () => {
    const { jobber, refreshToken } = await faulty(
      { kind: 'drop-after' },
      { kind: 'no-expires-at' },
      { kind: 'latency', ms: 20 },
    );

    const took = await milliseconds(() => refresh(jobber, refreshToken).catch(() => undefined));

    expect(took).toBeGreaterThan(18);
    expect(jobber.auditAccount(ACCOUNT).redemptions).toBe(1);
    expect(jobber.faults.pending()).toEqual([]);
  });

  test('does not hold up the end of the simulator', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'latency', ms: 60_000 });
    const pending = refresh(jobber, refreshToken).catch((error: Error) => error.message);
    await untilMet(jobber);
    await jobber.close();
    expect(await pending).toBe('fetch failed');
  });
});

describe('the queue', () => {
  test('a fault meets as many requests as it says, and those of a kind follow one another', async () => {
    const { jobber, refreshToken } = await faulty(
      { kind: 'status', status: 500, times: 2 },
      { kind: 'status', status: 503 },
    );
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await refresh(jobber, refreshToken)).status);
    expect(statuses).toEqual([500, 500, 503, 200]);
  });

  test('without an end, a fault lasts until it is cleared', async () => {
    const { jobber, refreshToken } = await faulty({ kind: 'status', status: 500, times: null });
    for (let i = 0; i < 3; i++) expect((await refresh(jobber, refreshToken)).status).toBe(500);
    jobber.faults.clear();
    expect((await refresh(jobber, refreshToken)).status).toBe(200);
  });

  test('an answer in place of Jobber leaves the faults of the delivery for later', async () => {
    const { jobber, refreshToken } = await faulty(
      { kind: 'drop-after' },
      { kind: 'status', status: 500 },
    );
    expect((await refresh(jobber, refreshToken)).status).toBe(500);
    expect(jobber.faults.pending()).toEqual([{ kind: 'drop-after', times: 1 }]);
  });

  test('the filters choose account, grant type and path', async () => {
    const { jobber, accessToken, refreshToken } = await faulty(
      { kind: 'status', status: 501, accountId: 518027 },
      { kind: 'status', status: 502, grantType: 'authorization_code' },
      { kind: 'status', status: 503, path: 'graphql', accountId: ACCOUNT_ANSWER.account.id },
    );
    const other = jobber.issueGrant(518027);

    expect((await refresh(jobber, refreshToken)).status).toBe(200);
    expect((await graphql(jobber, accessToken)).status).toBe(503);
    expect((await exchange(jobber, await authorize(jobber))).status).toBe(502);
    expect((await refresh(jobber, other.refreshToken)).status).toBe(501);
  });

  test('a fault of one account also meets its dead tokens', async () => {
    const { jobber, refreshToken } = await faulty({
      kind: 'status',
      status: 503,
      accountId: ACCOUNT,
    });
    jobber.disconnect(ACCOUNT);
    expect((await refresh(jobber, refreshToken)).status).toBe(503);
  });

  test.each([
    [{ kind: 'earthquake' }, "There is no fault of kind 'earthquake'."],
    [{ kind: 'latency' }, "needs 'ms'"],
    [{ kind: 'latency', ms: 'long' }, "'ms' must be a number"],
    [{ kind: 'drop-after', account: 430114 }, "has no field 'account'"],
    [{ kind: 'drop-after', accountId: 'nobody' }, "'accountId' must be an account id"],
    [{ kind: 'drop-after', times: 0 }, "'times' must be a whole number above 0"],
    [{ kind: 'status', status: 99 }, "'status' must be an HTTP status"],
    [null, 'There is no fault of kind'],
  ])('%o is refused', async (fault, message) => {
    const { jobber } = await simulate();
    expect(() => jobber.faults.push({ kind: 'drop-before' }, fault as Fault)).toThrow(message);
    expect(jobber.faults.pending()).toEqual([]);
  });
});
