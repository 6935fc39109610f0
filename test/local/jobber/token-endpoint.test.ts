import { decodeJwt, decodeProtectedHeader } from 'jose';
import { expect, test } from 'vitest';
import {
  ACCOUNT,
  authorize,
  exchange,
  INVALID_CODE,
  INVALID_REFRESH_TOKEN,
  refresh,
  refreshed,
  requestToken,
  seen,
  simulate,
  tokenAnswer,
  WRONG_CLIENT,
} from './support.ts';

const HEX_32 = /^[0-9a-f]{32}$/;

test('a code is exchanged for an access token and a refresh token, and nothing else', async () => {
  const { jobber } = await simulate();

  const answer = await tokenAnswer(await exchange(jobber, await authorize(jobber)));

  expect(answer).toEqual({
    access_token: expect.any(String),
    refresh_token: expect.stringMatching(HEX_32),
  });
});

test('an access token is a JWT with the claims that Jobber gives it', async () => {
  const { jobber, clock } = await simulate();

  const { access_token } = await tokenAnswer(await exchange(jobber, await authorize(jobber)));

  expect(decodeProtectedHeader(access_token).alg).toBe('HS256');
  expect(decodeJwt(access_token)).toEqual({
    sub: expect.any(Number),
    iss: 'https://api.getjobber.com',
    client_id: 'simulated-client',
    scope: 'read_clients read_users',
    app_id: expect.any(Number),
    user_id: expect.any(Number),
    account_id: ACCOUNT,
    exp: clock.now / 1000 + 3600,
  });
});

test('access tokens of the same second differ', async () => {
  const { jobber } = await simulate();
  const tokens = [1, 2, 3].map(() => jobber.issueGrant(ACCOUNT).accessToken);
  expect(new Set(tokens).size).toBe(3);
});

test('a code works once', async () => {
  const { jobber } = await simulate();
  const code = await authorize(jobber);
  await tokenAnswer(await exchange(jobber, code));

  expect(await seen(await exchange(jobber, code))).toEqual(INVALID_CODE);
});

test('a code expires after ten minutes', async () => {
  const { jobber, clock } = await simulate();
  const [early, late] = [await authorize(jobber), await authorize(jobber)];

  clock.now += 10 * 60_000 - 1;
  expect((await exchange(jobber, early)).status).toBe(200);
  clock.now += 1;
  expect(await seen(await exchange(jobber, late))).toEqual(INVALID_CODE);
});

test('a code is bound to its redirect URI', async () => {
  const { jobber } = await simulate();
  const code = await authorize(jobber);

  const response = await requestToken(jobber, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: 'https://app.example/other',
  });

  expect(await seen(response)).toEqual(INVALID_CODE);
});

test('an invented code is refused, and so is one of an account that became inactive', async () => {
  const { jobber } = await simulate();
  const code = await authorize(jobber);
  jobber.deactivate(ACCOUNT);

  expect(await seen(await exchange(jobber, 'invented'))).toEqual(INVALID_CODE);
  expect(await seen(await exchange(jobber, code))).toEqual(INVALID_CODE);
});

test('a refresh answers a new pair and when the access token expires', async () => {
  const { jobber } = await simulate();
  const { accessToken, refreshToken } = jobber.issueGrant(ACCOUNT);

  const answer = await refreshed(jobber, refreshToken);

  expect(answer).toEqual({
    access_token: expect.any(String),
    refresh_token: expect.stringMatching(HEX_32),
    expires_at: '2024-04-09 21:04:31 UTC',
  });
  expect(answer.access_token).not.toBe(accessToken);
  expect(answer.refresh_token).not.toBe(refreshToken);
});

test('the lifetime of access tokens can be set', async () => {
  const { jobber } = await simulate({ accessTokenLifetimeSeconds: 60 });
  const answer = await refreshed(jobber, jobber.issueGrant(ACCOUNT).refreshToken);
  expect(answer.expires_at).toBe('2024-04-09 20:05:31 UTC');
});

test('the parameters may come as JSON too', async () => {
  const { jobber } = await simulate();
  const { clientId: client_id, clientSecret: client_secret } = jobber.settings;
  const { refreshToken: refresh_token } = jobber.issueGrant(ACCOUNT);

  const response = await fetch(`${jobber.url}/api/oauth/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ client_id, client_secret, grant_type: 'refresh_token', refresh_token }),
  });

  expect(response.status).toBe(200);
});

test('an invented refresh token is refused in prose', async () => {
  const { jobber } = await simulate();
  expect(await seen(await refresh(jobber, 'f'.repeat(32)))).toEqual(INVALID_REFRESH_TOKEN);
  expect(jobber.audit().totals.refusals).toBe(1);
});

test.each([
  ['client id', { client_id: 'somebody' }],
  ['client secret', { client_secret: 'guessed' }],
])('a wrong %s is also a 401, in other prose, and spends nothing', async (_, wrong) => {
  const { jobber } = await simulate();
  const { refreshToken: refresh_token } = jobber.issueGrant(ACCOUNT);

  const response = await requestToken(jobber, {
    grant_type: 'refresh_token',
    refresh_token,
    ...wrong,
  });

  expect(await seen(response)).toEqual(WRONG_CLIENT);
  expect((await refresh(jobber, refresh_token)).status).toBe(200);
  expect(jobber.audit().totals).toMatchObject({ refusals: 0, tokenRequests: 2 });
});

test.each([
  [
    'another grant type',
    'application/x-www-form-urlencoded',
    'client_id=simulated-client&client_secret=simulated-secret&grant_type=password',
  ],
  ['broken JSON', 'application/json', '{"grant_type":'],
  ['JSON that is no object', 'application/json', '7'],
  ['another content type', 'text/plain', 'grant_type=refresh_token'],
])('%s is a bad request', async (_, type, body) => {
  const { jobber } = await simulate();
  const response = await fetch(`${jobber.url}/api/oauth/token`, {
    method: 'POST',
    headers: { 'Content-Type': type },
    body,
  });
  expect(response.status).toBe(400);
});

test('a body above 1 MB is refused', async () => {
  const { jobber } = await simulate();
  const response = await requestToken(jobber, { refresh_token: 'x'.repeat(1024 * 1024) });
  expect(response.status).toBe(413);
});

test('unknown paths and methods are not found', async () => {
  const { jobber } = await simulate();
  expect((await fetch(`${jobber.url}/api/oauth/token`)).status).toBe(404);
  expect((await fetch(`${jobber.url}/api/other`)).status).toBe(404);
});
