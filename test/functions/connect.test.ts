import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { browser } from '../../local/browser.ts';
import { signConnectLink } from '../../shared/connect/connect-link.ts';
import { plus } from '../../shared/runtime/clock.ts';
import { GRACE } from '../../shared/tokens/budgets.ts';
import type { Grant } from '../../shared/tokens/connection.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
beforeEach(() => system.simulator.reset());
afterEach(() => {
  delete process.env['MARKETPLACE_CONNECT'];
});

const stored = async (account: number) =>
  (await system.connections()).find(({ accountId }) => accountId === idOf(account));
const callback = (query: string) => `${system.url}/oauth/callback${query}`;

/** Goes as far as Jobber's redirect back to the callback. */
async function authorized(user: ReturnType<typeof browser>) {
  const url = await user.decide(`${system.url}/oauth/connect`, MAPLE);
  const parameters = new URL(url).searchParams;
  return { url, code: parameters.get('code') ?? '', state: parameters.get('state') ?? '' };
}

async function link(intent: { ref?: string; returnTo?: string }, lifetime?: number) {
  const { clock, signingKeyRing } = await import('../../shared/jobber/wiring.ts');
  const signed = await signConnectLink(signingKeyRing(), clock, intent, lifetime);
  return `${system.url}/oauth/connect?link=${signed}`;
}

describe('a connect', () => {
  it('stores the grant with the owner’s ref, and leads on to where the link says', async () => {
    const page = await browser().connect(
      await link({ ref: 'tenant-7', returnTo: `${system.url}/settings?a=1&b=2` }),
      MAPLE,
    );
    expect(page).toContain('Jobber is connected');
    expect(page).toContain('Maple Street Plumbing');
    expect(page).toContain(`href="${system.url}/settings?a=1&amp;b=2&amp;connection=eyJ`);
    expect(await stored(MAPLE)).toMatchObject({ status: 'active', ref: 'tenant-7', rotation: 0 });
  });

  it('does not say that an account is connected which was disconnected after a later grant', async () => {
    await browser().connect(await link({}), MAPLE);
    const { clock, table } = await import('../../shared/jobber/wiring.ts');
    const soon = plus(clock.now(), 30_000);
    const connection = (await table().get(idOf(MAPLE))) as unknown as Grant & { status: 'active' };
    await table().saveGrant({ ...connection, grantId: 'later', connectedAt: soon }, soon);
    await table().end(
      idOf(MAPLE),
      { ...connection, grantId: 'later' },
      'disconnected_by_app',
      soon,
    );

    expect(await browser().connect(await link({}), MAPLE)).toContain('was used or has expired');
    expect(await stored(MAPLE)).toMatchObject({ status: 'disconnected' });
  });

  it('sends the browser to Jobber with nothing but what RFC 6749 asks for', async () => {
    const response = await browser().get(`${system.url}/oauth/connect`);
    expect(response.status).toBe(302);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(response.headers.get('strict-transport-security')).toBe('max-age=31536000');
    const target = new URL(response.headers.get('location') ?? '');
    expect(`${target.origin}${target.pathname}`).toBe(`${system.jobberUrl}/api/oauth/authorize`);
    expect(Object.fromEntries(target.searchParams)).toEqual({
      response_type: 'code',
      client_id: 'simulated-client',
      redirect_uri: callback(''),
      state: expect.stringMatching(/^eyJ/),
    });
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^connect-[\w-]{43}=[\w-]{32}; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/,
      ),
    ]);
  });

  it('is accepted from Jobber’s marketplace, without a state and so without a ref', async () => {
    await system.remove(idOf(MAPLE));
    expect(await system.connectFromMarketplace(MAPLE)).toContain('Jobber is connected');
    expect((await stored(MAPLE))?.ref).toBeUndefined();
  });

  it('is refused from the marketplace where the owner does not allow it', async () => {
    const { code } = await authorized(browser());
    process.env['MARKETPLACE_CONNECT'] = 'deny';
    for (const path of [
      `/oauth/callback?code=${code}`,
      '/oauth/connect',
      `/oauth/manage?code=${code}`,
    ])
      expect((await browser().follow(`${system.url}${path}`)).response.status).toBe(400);
    expect(await browser().connect(await link({}), MAPLE)).toContain('Jobber is connected');
  });

  it('starts with no link that is forged or has expired', async () => {
    for (const url of [
      await link({}, -1),
      `${await link({})}x`,
      `${system.url}/oauth/connect?link=`,
    ]) {
      const response = await fetch(url, { redirect: 'manual' });
      expect(response.status).toBe(400);
      expect(await response.text()).toContain('was used or has expired');
    }
  });

  it('keeps no more than 256 characters of an account’s name', async () => {
    const long = JSON.stringify({
      data: { account: { id: idOf(MAPLE), name: '😀'.repeat(50_000) }, user: null },
    });
    system.simulator.faults.push({ kind: 'status', status: 200, path: 'graphql', body: long });
    expect(await browser().connect(await link({}), MAPLE)).toContain('Jobber is connected');
    const name = String((await stored(MAPLE))?.accountName);
    expect(name.length).toBe(256);
    expect(name.isWellFormed()).toBe(true);
  });

  it('needs no name of the user: Jobber may hide it', async () => {
    const hidden = JSON.stringify({
      data: null,
      errors: [
        { message: 'The field user on an object of type Query was hidden due to permissions' },
      ],
    });
    system.simulator.faults.push({ kind: 'status', status: 200, path: 'graphql', body: hidden });
    expect(await browser().connect(await link({}), MAPLE)).toContain('Jobber is connected');
    // The access token has the number of the user as well.
    expect(await system.item(idOf(MAPLE))).toMatchObject({ userId: '1077988' });
  });

  it('replaces an earlier grant of the account, and a lapsed connection', async () => {
    await system.connectExpired(MAPLE);
    system.simulator.disconnect(MAPLE);
    const request = { accountId: idOf(MAPLE) };
    expect(await system.getToken(request)).toMatchObject({ error: { code: 'rotation_in_doubt' } });
    const { retryAt: _, ...refused } = (await system.item(idOf(MAPLE))) ?? {};
    await system.put({ ...refused, refusedAt: Number(refused['refusedAt']) - GRACE });
    await system.getToken(request);
    expect(await stored(MAPLE)).toMatchObject({ status: 'reconnect_required' });
    await system.connect(MAPLE);
    expect(await stored(MAPLE)).toMatchObject({ status: 'active', rotation: 0 });
  });
});

describe('a state', () => {
  it('is good once: a reloaded result page changes nothing', async () => {
    const user = browser();
    const { url } = await authorized(user);
    expect((await user.get(url)).status).toBe(200);
    const before = await stored(MAPLE);
    const again = await user.get(url);
    expect(again.status).toBe(400);
    expect(await again.text()).toContain('was used or has expired');
    expect(await stored(MAPLE)).toEqual(before);
  });

  it('does not work in another browser', async () => {
    const { url } = await authorized(browser());
    expect((await browser().get(url)).status).toBe(400);
  });

  it('works in two tabs at once, in either order', async () => {
    const user = browser();
    const first = await authorized(user);
    const second = await authorized(user);
    expect((await user.get(second.url)).status).toBe(200);
    expect((await user.get(first.url)).status).toBe(200);
  });

  it('does not work when it is forged, missing its signature, or another browser’s', async () => {
    const user = browser();
    const { code, state } = await authorized(user);
    const [header, payload] = state.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    for (const forged of [`${state}x`, `${header}.${payload}.`, `${none}.${payload}.`, 'x', '']) {
      const response = await user.get(callback(`?code=${code}&state=${forged}`));
      expect(response.status).toBe(400);
    }
    expect((await user.get(callback(`?code=${code}&state=${state}`))).status).toBe(200);
  });

  it('of a connect link is no state, nor the other way round', async () => {
    const user = browser();
    const { code, state } = await authorized(user);
    const signed = new URL(await link({})).searchParams.get('link');
    expect((await user.get(callback(`?code=${code}&state=${signed}`))).status).toBe(400);
    expect((await user.get(`${system.url}/oauth/connect?link=${state}`)).status).toBe(400);
  });
});

describe('a callback', () => {
  it('without any parameter means that the user declined', async () => {
    const page = await browser().connect(`${system.url}/oauth/connect`, MAPLE, 'deny');
    expect(page).toContain('Access was declined');
  });

  it.each([
    ['?error=access_denied', 200, 'declined'],
    ['?error=temporarily_unavailable', 400, 'could not complete'],
    ['?error=<script>', 400, 'could not complete'],
    ['?code=', 400, 'expired'],
    ['?state=only', 400, 'expired'],
    ['?code=1&code=2&state=x', 400, 'expired'],
    [`?code=${'x'.repeat(513)}`, 400, 'expired'],
    ['?code=a%00b', 400, 'expired'],
    ['?code=a%20b&state=x', 400, 'expired'],
    ['?code=%C3%A9', 400, 'expired'],
    [`?code=x&state=${'x'.repeat(8_000)}`, 400, 'expired'],
    ['?unknown=parameter', 200, 'declined'],
  ])('with %s answers %i', async (query, status, text) => {
    const response = await fetch(callback(query));
    expect(response.status).toBe(status);
    expect((await response.text()).toLowerCase()).toContain(text);
  });

  it('shows a page that escapes, is not kept, tells nobody, and needs no JavaScript', async () => {
    const user = browser();
    const { url } = await authorized(user);
    const response = await user.get(url);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=31536000',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
      ),
    });
    expect(await response.text()).not.toMatch(/<script|style="|onclick/);
  });

  it('leads on to no origin that the owner has not named', async () => {
    for (const returnTo of [
      'https://evil.example/',
      'javascript:alert(1)',
      `blob:${system.url}/0000`,
      '//evil.example',
      'x',
    ]) {
      const page = await browser().connect(await link({ returnTo }), MAPLE);
      expect(page).toContain('Jobber is connected');
      expect(page).not.toContain('<a ');
    }
  });

  it.each([
    ['is down', { kind: 'status', status: 500, path: 'token' } as const],
    ['answers with a page', { kind: 'html-200', path: 'token' } as const],
    [
      'does not say which account it was',
      { kind: 'status', status: 500, path: 'graphql', times: null } as const,
    ],
  ])('asks to try again later when Jobber %s', async (_, fault) => {
    const user = browser();
    const { url } = await authorized(user);
    system.simulator.faults.push(fault);
    const response = await user.get(url);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('60');
    system.simulator.faults.clear();
  });

  it('survives a passing failure of the account query', async () => {
    const user = browser();
    const { url } = await authorized(user);
    system.simulator.faults.push({ kind: 'status', status: 503, path: 'graphql' });
    expect((await user.get(url)).status).toBe(200);
  });

  it('says that the app is not set up when Jobber rejects its secret', async () => {
    const user = browser();
    const { url } = await authorized(user);
    system.simulator.faults.push({ kind: 'wrong-secret' });
    const response = await user.get(url);
    expect(response.status).toBe(500);
    expect(await response.text()).toContain('not set up correctly');
  });

  it('asks to try again later when the grant cannot be stored', async () => {
    const user = browser();
    const { url } = await authorized(user);
    const { DynamoDBClient, DeleteTableCommand } = await import('@aws-sdk/client-dynamodb');
    const { createConnectionsTable } = await import('../../local/aws/tables.ts');
    const client = new DynamoDBClient({});
    const TableName = process.env['TABLE_NAME'] ?? '';
    await client.send(new DeleteTableCommand({ TableName }));
    const response = await user.get(url);
    expect(response.status).toBe(503);
    await createConnectionsTable(client, TableName);
  }, 15_000);
});

describe('the front', () => {
  it('knows no other paths and methods', async () => {
    expect((await fetch(`${system.url}/oauth/unknown`)).status).toBe(404);
    expect((await fetch(callback(''), { method: 'POST' })).status).toBe(404);
  });
});
