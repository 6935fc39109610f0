import { expect, test } from 'vitest';
import { ask } from '../../support/ask.ts';
import { simulate } from './support.ts';

const CALLBACK = 'https://app.example/oauth/callback';
const MANAGE = 'https://app.example/oauth/manage';

async function started() {
  const { jobber } = await simulate({ callbackUrl: CALLBACK, manageUrl: MANAGE });
  const url = `${jobber.url}/marketplace`;
  const press = (action: string, cookie = 'simulated_jobber_session=430114.1077989') =>
    fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie },
      body: new URLSearchParams({ action }),
    });
  return { jobber, url, press };
}

test('the marketplace offers Connect, and once an account is connected Disconnect and Manage App', async () => {
  const { jobber, url, press } = await started();
  expect(await (await fetch(url)).text()).toContain('>Connect<');
  jobber.issueGrant(430114);
  const page = await (await fetch(url)).text();
  expect(page).toContain('>Disconnect<');
  expect(page).toContain('>Manage App<');
  await press('disconnect');
  expect(await (await fetch(url)).text()).toContain('>Connect<');
});

test('Connect leads to the authorization page without a state', async () => {
  const { press } = await started();
  const location = (await press('connect')).headers.get('location') ?? '';
  const query = new URL(location, 'http://localhost').searchParams;
  expect(query.get('redirect_uri')).toBe(CALLBACK);
  expect(query.has('state')).toBe(false);
});

test('Manage App leads to its URL with a code of this very admin, for the callback URL', async () => {
  const { jobber, press } = await started();
  const target = new URL((await press('manage')).headers.get('location') ?? '');
  expect(`${target.origin}${target.pathname}`).toBe(MANAGE);
  expect([...target.searchParams.keys()]).toEqual(['code']);
  const response = await fetch(`${jobber.url}/api/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: jobber.settings.clientId,
      client_secret: jobber.settings.clientSecret,
      code: target.searchParams.get('code') ?? '',
      redirect_uri: CALLBACK,
    }),
  });
  const { access_token } = (await response.json()) as { access_token: string };
  const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString());
  expect(claims).toMatchObject({ account_id: 430114, user_id: 1077989 });
});

test('an admin who is deactivated loses their grants, and nobody else does', async () => {
  const { jobber } = await started();
  const { refreshToken } = jobber.issueGrant(430114);
  jobber.deactivateUser(1077989);
  expect(jobber.auditAccount(430114).liveRefreshTokens).toEqual([refreshToken]);
  jobber.deactivateUser(1077988);
  expect(jobber.auditAccount(430114).liveRefreshTokens).toEqual([]);
});

test('a cookie that makes no sense is no session', async () => {
  const { url } = await started();
  for (const value of ['%', 'x', '430114.x', '430114.-1']) {
    const headers = { cookie: `simulated_jobber_session=${value}` };
    expect((await fetch(url, { headers })).status).toBe(200);
  }
});

test('no page of a foreign host name, and no frame, reaches the simulator', async () => {
  const { jobber, url } = await started();
  const { port } = new URL(url);
  for (const path of ['/marketplace', '/api/oauth/authorize', '/api/graphql'])
    expect(await ask(`${jobber.url}${path}`, 'GET', { host: `evil.test:${port}` })).toMatchObject({
      status: 403,
    });
  const policy = (await fetch(url)).headers.get('content-security-policy');
  expect(policy).toContain("frame-ancestors 'none'");
});
