import { expect, test } from 'vitest';
import { authorizeForm, decide, REDIRECT_URI, simulate } from './support.ts';

const query = (fields?: Record<string, string>) => new URLSearchParams(authorizeForm(fields));

test('the page says that it is a simulator and offers the sample accounts', async () => {
  const { jobber } = await simulate();

  const response = await fetch(`${jobber.url}/api/oauth/authorize?${query()}`);

  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/html');
  const page = await response.text();
  expect(page).toContain('This is a simulator');
  for (const name of ['Maple Street Plumbing', 'Northwind Landscaping', 'Harbour Window Cleaning'])
    expect(page).toContain(name);
  expect(page).toContain('value="allow">Allow');
  expect(page).toContain('value="deny">Deny');
  expect(page).not.toContain('<script');
});

test('the page escapes what the request brings', async () => {
  const { jobber } = await simulate();
  const state = `"><script>alert('&')</script>`;

  const response = await fetch(`${jobber.url}/api/oauth/authorize?${query({ state })}`);

  const page = await response.text();
  expect(page).not.toContain('<script');
  expect(page).toContain('&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;');
});

test('the form of the page is one that the simulator accepts', async () => {
  const { jobber } = await simulate();
  const page = await fetch(`${jobber.url}/api/oauth/authorize?${query({ state: 's-1' })}`);
  const hidden = [...(await page.text()).matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)];
  const fields = Object.fromEntries(hidden.map(([, name, value]) => [name, value]));

  const response = await fetch(`${jobber.url}/api/oauth/authorize`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ ...fields, account: '430114', decision: 'allow' }),
  });

  expect(response.status).toBe(302);
});

test('Allow redirects with a code and the state, and keeps the query of the redirect URI', async () => {
  const { jobber } = await simulate();

  const response = await decide(jobber, { account: '430114', decision: 'allow', state: 'a b&c' });

  expect(response.status).toBe(302);
  const { origin, pathname, searchParams } = new URL(response.headers.get('location') ?? '');
  expect(origin + pathname).toBe('https://app.example/callback');
  expect(Object.fromEntries(searchParams)).toEqual({
    tenant: '7',
    code: expect.stringMatching(/^[0-9a-f]{32}$/),
    state: 'a b&c',
  });
});

test('Allow invents no state if there was none', async () => {
  const { jobber } = await simulate();
  const response = await decide(jobber, { account: '430114', decision: 'allow' });
  expect(response.headers.get('location')).not.toContain('state');
});

test('Deny redirects without any parameter, not even the state', async () => {
  const { jobber } = await simulate();

  const response = await decide(jobber, { account: '430114', decision: 'deny', state: 's-1' });

  expect(response.status).toBe(302);
  expect(response.headers.get('location')).toBe(REDIRECT_URI);
});

test.each([
  ['an unknown client id', { client_id: 'somebody' }],
  ['a redirect URI that is not registered', { redirect_uri: 'https://app.example/other' }],
  ['no redirect URI', { redirect_uri: '' }],
  ['another response type', { response_type: 'token' }],
])('%s is answered with a page instead of a redirect', async (_, wrong) => {
  const { jobber } = await simulate({ redirectUris: [REDIRECT_URI] });

  const shown = await fetch(`${jobber.url}/api/oauth/authorize?${query(wrong)}`);
  const decided = await decide(jobber, { account: '0', decision: 'allow', ...wrong });

  for (const response of [shown, decided]) {
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(await response.text()).toContain('cannot be authorized');
  }
});

test('without a list of redirect URIs, any of http or https will do, and no other', async () => {
  const { jobber } = await simulate();
  const status = async (redirect_uri: string) =>
    (await fetch(`${jobber.url}/api/oauth/authorize?${query({ redirect_uri })}`)).status;

  expect(await status('http://localhost:4000/back')).toBe(200);
  expect(await status('javascript:alert(1)')).toBe(400);
  expect(await status('/callback')).toBe(400);
});

test.each([
  ['no account', { decision: 'allow' }],
  ['an account that is no number', { decision: 'allow', account: 'mine' }],
  ['no decision', { account: '430114' }],
])('a form with %s is refused', async (_, fields) => {
  const { jobber } = await simulate();
  expect((await decide(jobber, fields)).status).toBe(400);
});

test('a sample account can be chosen by its place, and an unknown id creates an account', async () => {
  const { jobber } = await simulate();

  await decide(jobber, { account: '1', decision: 'allow' });
  await decide(jobber, { account: '430200', decision: 'allow' });

  expect(jobber.audit().accounts).toHaveLength(4);
  expect(jobber.auditAccount(430200)).toMatchObject({
    name: 'Account 430200',
    encodedId: Buffer.from('gid://Jobber/Account/430200').toString('base64'),
    active: true,
  });
});
