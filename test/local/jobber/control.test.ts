import { expect, test } from 'vitest';
import { simulatorControl } from '../../../local/jobber/control-client.ts';
import { startJobberSimulator } from '../../../local/jobber/simulator.ts';
import { ask } from '../../support/ask.ts';
import {
  ACCOUNT,
  graphql,
  INVALID_REFRESH_TOKEN,
  refresh,
  refreshed,
  requestToken,
  seen,
  simulate,
  UNRECOGNIZED,
  WRONG_CLIENT,
} from './support.ts';

const JSON_BODY = { 'content-type': 'application/json' };

test('the audit counts per account and in all', async () => {
  const { jobber, clock } = await simulate();
  const { refreshToken } = jobber.issueGrant(ACCOUNT);
  const { refresh_token: successor } = await refreshed(jobber, refreshToken);
  await refresh(jobber, refreshToken);
  await refresh(jobber, 'invented');

  const { totals, accounts } = jobber.audit();

  expect(totals).toEqual({ tokenRequests: 3, redemptions: 1, doubleRedemptions: 1, refusals: 2 });
  expect(accounts.find(({ id }) => id === ACCOUNT)).toEqual({
    id: ACCOUNT,
    encodedId: 'Z2lkOi8vSm9iYmVyL0FjY291bnQvNDMwMTE0',
    name: 'Maple Street Plumbing',
    userId: 1077988,
    active: true,
    redemptions: 1,
    doubleRedemptions: 1,
    refusals: 1,
    liveRefreshTokens: [successor],
    grants: [{ id: expect.any(String), status: 'active', authorizedAt: clock.now, redemptions: 1 }],
  });
});

test('expired access tokens are not recognized, of one account or of all', async () => {
  const { jobber } = await simulate();
  const [one, other] = [jobber.issueGrant(ACCOUNT), jobber.issueGrant(518027)];

  jobber.expireAccessTokens(ACCOUNT);
  expect(await seen(await graphql(jobber, one.accessToken))).toEqual(UNRECOGNIZED);
  expect((await graphql(jobber, other.accessToken)).status).toBe(200);

  jobber.expireAccessTokens();
  expect(await seen(await graphql(jobber, other.accessToken))).toEqual(UNRECOGNIZED);
  expect((await refresh(jobber, other.refreshToken)).status).toBe(200);
});

test('rolling the client secret kills refresh tokens, and access tokens live on', async () => {
  const { jobber } = await simulate();
  const { accessToken, refreshToken: refresh_token } = jobber.issueGrant(ACCOUNT);

  jobber.rollClientSecret('rolled');

  const stale = { grant_type: 'refresh_token', refresh_token, client_secret: 'simulated-secret' };
  expect(await seen(await requestToken(jobber, stale))).toEqual(WRONG_CLIENT);
  expect(await seen(await refresh(jobber, refresh_token))).toEqual(INVALID_REFRESH_TOKEN);
  expect((await graphql(jobber, accessToken)).status).toBe(200);
});

test('changing the secret among the settings kills nothing', async () => {
  const { jobber } = await simulate();
  const { refreshToken } = jobber.issueGrant(ACCOUNT);
  jobber.settings.clientSecret = 'another';
  expect((await refresh(jobber, refreshToken)).status).toBe(200);
});

test('reset forgets grants, counters and faults, and returns to the first settings', async () => {
  const { jobber } = await simulate({ graceSeconds: 5 });
  const { accessToken, refreshToken } = jobber.issueGrant(430200);
  jobber.faults.push({ kind: 'drop-before', times: null });
  jobber.settings.graceSeconds = 500;
  jobber.rollClientSecret('rolled');

  jobber.reset();

  expect(jobber.settings).toMatchObject({ clientSecret: 'simulated-secret', graceSeconds: 5 });
  expect(await seen(await refresh(jobber, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
  expect(jobber.isAccessTokenLive(accessToken)).toBe(false);
  expect(jobber.audit()).toMatchObject({
    totals: { tokenRequests: 1, refusals: 1 },
    accounts: { length: 3 },
  });
});

test('another process controls everything over HTTP', async () => {
  const { jobber } = await simulate();
  const control = simulatorControl(jobber.url);

  const { accessToken, refreshToken } = await control.issueGrant(430200);
  expect(await control.isAccessTokenLive(accessToken)).toBe(true);
  expect(await control.auditAccount(430200)).toEqual(jobber.auditAccount(430200));
  expect(await control.audit()).toEqual(jobber.audit());

  await control.pushFaults({ kind: 'wrong-secret' }, { kind: 'latency', ms: 5 });
  expect(await control.pendingFaults()).toEqual([
    { kind: 'wrong-secret', times: 1 },
    { kind: 'latency', ms: 5, times: 1 },
  ]);
  expect(await seen(await refresh(jobber, refreshToken))).toEqual(WRONG_CLIENT);
  await control.pushFaults({ kind: 'drop-before' });
  await control.clearFaults();

  expect(await control.changeSettings({ rotation: 'off' })).toEqual(jobber.settings);
  expect((await control.getSettings()).rotation).toBe('off');
  expect((await refreshed(jobber, refreshToken)).refresh_token).toBe(refreshToken);

  await control.expireAccessTokens();
  expect(await control.isAccessTokenLive(accessToken)).toBe(false);
  await control.rollClientSecret('rolled');
  expect(jobber.settings.clientSecret).toBe('rolled');
  await control.disconnect(430200);
  expect((await control.auditAccount(430200)).grants[0]?.status).toBe('disconnected');
  await control.deactivate('430200');
  expect((await control.auditAccount(430200)).active).toBe(false);
  await control.reset();
  expect((await control.audit()).accounts).toHaveLength(3);
});

test('GET reads the audit, but changes nothing', async () => {
  const { jobber } = await simulate();
  expect(await (await fetch(`${jobber.url}/_simulator/audit`)).json()).toEqual(jobber.audit());
  expect((await fetch(`${jobber.url}/_simulator/reset`)).status).toBe(404);
});

test('a function without parameters needs no body', async () => {
  const { jobber } = await simulate();
  jobber.faults.push({ kind: 'drop-before' });
  await fetch(`${jobber.url}/_simulator/clearFaults`, { method: 'POST', headers: JSON_BODY });
  expect(jobber.faults.pending()).toEqual([]);
});

test.each([
  ['auditAccount', '[7]', 'There is no account 7.'],
  ['disconnect', '["nobody"]', "'nobody' is no account id."],
  ['changeSettings', '[{"rotation":"sometimes"}]', "'rotation' must be 'on' or 'off' or 'legacy'"],
  ['changeSettings', '[{"apiVersions":{"2026-05-12":"old"}}]', "'apiVersions' must be an object"],
  ['changeSettings', '[{"apiVersions":{"today":"removed"}}]', "'apiVersions' must be an object"],
  ['rollClientSecret', '[7]', "'clientSecret' must be a string"],
  ['pushFaults', '[{"kind":"latency"}]', "needs 'ms'"],
  ['disconnect', '430114', 'The body must be a JSON array'],
  ['disconnect', '[', 'The body must be a JSON array'],
])('%s of %s is refused and says why', async (name, body, message) => {
  const { jobber } = await simulate();
  const answer = await fetch(`${jobber.url}/_simulator/${name}`, {
    method: 'POST',
    headers: JSON_BODY,
    body,
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({ message: expect.stringContaining(message) });
});

test.each([
  ['a sandboxed frame', { origin: 'null' }, 403],
  ['a page of another origin', { origin: 'https://example.com' }, 403],
  ['a page that names no origin', { 'sec-fetch-site': 'cross-site' }, 403],
  ['a foreign host name', { host: 'example.com' }, 403],
  ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
  ['plain text', { 'content-type': 'text/plain' }, 415],
])('the control is refused to %s', async (_, headers, status) => {
  const { jobber } = await simulate();
  jobber.issueGrant(ACCOUNT);
  const { host } = new URL(jobber.url);
  const sent = { host, ...JSON_BODY, ...headers };
  const url = `${jobber.url}/_simulator/disconnect`;
  expect(await ask(url, 'POST', sent, `[${ACCOUNT}]`)).toMatchObject({ status });
  expect(jobber.auditAccount(ACCOUNT).grants[0]?.status).toBe('active');
});

test.each([
  ['a foreign host name', { host: 'example.com' }],
  ['a page of another origin', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
])('the audit, which has refresh tokens, is not shown to %s', async (_, headers) => {
  const { jobber } = await simulate();
  const { host } = new URL(jobber.url);
  const sent = { host, ...headers };
  expect(await ask(`${jobber.url}/_simulator/audit`, 'GET', sent)).toMatchObject({ status: 403 });
});

test('the client rejects with what the simulator says', async () => {
  const { jobber } = await simulate();
  await expect(simulatorControl(jobber.url).disconnect(7)).rejects.toThrow(
    'There is no account 7.',
  );
});

test('a control function that does not exist is not found', async () => {
  const { jobber } = await simulate();
  expect((await fetch(`${jobber.url}/_simulator/toString`)).status).toBe(404);
});

test('wrong settings are refused at the start', async () => {
  const options = { rotation: 'sometimes' } as object;
  await expect(startJobberSimulator(options)).rejects.toThrow("'rotation' must be");
});

test('a port that is taken is an error at the start', async () => {
  const { jobber } = await simulate();
  const port = Number(new URL(jobber.url).port);
  await expect(startJobberSimulator({ port })).rejects.toThrow('EADDRINUSE');
});
