import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { browser } from '../../local/browser.ts';
import { verifyConnectClaim } from '../../shared/client/connect-claim.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';
import { until } from '../support/until.ts';

const FIRST = '430114/1077988';
const SECOND = '430114/1077989';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
beforeEach(async () => {
  system.simulator.reset();
  await system.remove(idOf(MAPLE));
  process.env['MANAGE_URL'] = `${system.url}/app`;
});
afterEach(() => {
  delete process.env['MANAGE_URL'];
});

const item = async () => (await system.item(idOf(MAPLE))) ?? {};

async function link(ref?: string, accountId?: string): Promise<string> {
  const request = { ...(ref && { ref }), ...(accountId && { accountId }) };
  return ((await system.invoke('create-connect-link', request)) as { url: string }).url;
}

/** Connects as this admin, by a link of the owner's app; returns the last page. */
const connectByLink = async (as: string, ref?: string) => browser().connect(await link(ref), as);

async function claimAt(url: string) {
  const claim = new URL(url).searchParams.get('connection') ?? '';
  return verifyConnectClaim(claim, {
    issuer: system.url,
    audience: system.url,
    purpose: 'sign-in',
  });
}

describe('a connect that nobody but its user asked for', () => {
  it('keeps the working grant of another admin', async () => {
    await connectByLink(FIRST, 'tenant-7');
    const before = await item();
    expect(await system.connectFromMarketplace(SECOND)).toContain('already connected');
    expect(await item()).toEqual(before);
    system.simulator.deactivateUser(1_077_989);
    await system.expire(MAPLE);
    expect(await system.getToken({ accountId: idOf(MAPLE) })).toMatchObject({ ok: true });
  });

  it('replaces the grant of its own user', async () => {
    await connectByLink(FIRST);
    const { grantId } = await item();
    expect(await system.connectFromMarketplace(FIRST)).toContain('Jobber is connected');
    expect((await item())['grantId']).not.toBe(grantId);
  });

  it('replaces a grant of another admin that Jobber has ended, though nobody has told us', async () => {
    await connectByLink(FIRST);
    system.simulator.deactivateUser(1_077_988);
    expect(await system.connectFromMarketplace(SECOND)).toContain('Jobber is connected');
    expect(await item()).toMatchObject({ status: 'active', userId: '1077989' });
  });

  it('keeps the grant of another admin whose access token has expired: nobody can tell', async () => {
    await connectByLink(FIRST);
    await system.expire(MAPLE);
    const before = await item();
    expect(await system.connectFromMarketplace(SECOND)).toContain('already connected');
    expect(await item()).toEqual(before);
    expect(await system.getToken({ accountId: idOf(MAPLE) })).toMatchObject({ ok: true });
  });
});

describe('a connect by a link', () => {
  it('keeps the working grant of another admin: anybody may have sent the link', async () => {
    await connectByLink(FIRST, 'tenant-7');
    const before = await item();
    expect(await connectByLink(SECOND, 'tenant-8')).toContain('already connected');
    expect(await item()).toEqual(before);
  });

  it('keeps the ref of an active connection, even from its own user', async () => {
    await connectByLink(FIRST, 'tenant-7');
    const before = await item();
    expect(await connectByLink(FIRST, 'tenant-8')).toContain('already connected');
    expect(await item()).toEqual(before);
    expect(await connectByLink(FIRST, 'tenant-7')).toContain('Jobber is connected');
  });

  it('gives a connection without a ref its first one', async () => {
    await system.connectFromMarketplace(FIRST);
    expect(await connectByLink(FIRST, 'tenant-7')).toContain('Jobber is connected');
    expect(await item()).toMatchObject({ ref: 'tenant-7' });
  });

  it('made for an account connects no other', async () => {
    const url = await link('tenant-7', '518027');
    expect(await browser().connect(url, MAPLE)).toContain('for another account');
    expect(await item()).toEqual({});
  });
});

describe('a connect that the owner’s app asked for, of this account', () => {
  it('replaces the grant of another admin, and the event says whose', async () => {
    await connectByLink(FIRST, 'tenant-7');
    const url = await link('tenant-8', idOf(MAPLE));
    expect(await browser().connect(url, SECOND)).toContain('Jobber is connected');
    expect(await item()).toMatchObject({ userId: '1077989', ref: 'tenant-8' });
    await until(() => latestEvent('connection.established')?.['userId'] === '1077989');
    expect(latestEvent('connection.established')).toMatchObject({
      previousUserId: '1077988',
      previousRef: 'tenant-7',
    });
  });
});

function latestEvent(type: string): Record<string, unknown> | undefined {
  return system.bus.events().find((event) => event['detail-type'] === type)?.detail as never;
}

describe('a disconnect', () => {
  it('ends the ref, which its event still tells', async () => {
    await connectByLink(FIRST, 'tenant-7');
    await system.invoke('disconnect', { accountId: idOf(MAPLE) });
    expect(await item()).toMatchObject({ status: 'disconnected' });
    expect(await item()).not.toHaveProperty('ref');
    await until(() => latestEvent('connection.disconnected') !== undefined);
    expect(latestEvent('connection.disconnected')).toMatchObject({ ref: 'tenant-7' });
    await system.connectFromMarketplace(FIRST);
    expect(await item()).not.toHaveProperty('ref');
  });

  it('is followed by a connect of another admin', async () => {
    await connectByLink(FIRST, 'tenant-7');
    await system.invoke('disconnect', { accountId: idOf(MAPLE) });
    expect(await system.connectFromMarketplace(SECOND)).toContain('Jobber is connected');
    expect(await item()).toMatchObject({ status: 'active', userId: '1077989' });
  });
});

describe('Manage App', () => {
  it('signs the connector in to the owner’s app', async () => {
    await connectByLink(FIRST, 'tenant-7');
    const { url } = await system.manage(FIRST);
    expect(url).toMatch(`${system.url}/app?connection=`);
    expect(await claimAt(url)).toMatchObject({
      accountId: idOf(MAPLE),
      accountName: 'Maple Street Plumbing',
      userId: '1077988',
      userName: 'First admin',
      isConnector: true,
    });
    expect(await item()).toMatchObject({ status: 'active', ref: 'tenant-7' });
  });

  it('signs another admin in, and keeps the connection of its connector', async () => {
    await connectByLink(FIRST);
    const before = await item();
    const claim = await claimAt((await system.manage(SECOND)).url);
    expect(claim).toMatchObject({ userId: '1077989', isConnector: false });
    expect(await item()).toEqual(before);
  });

  it('heals a connection that needs its admin, whoever comes', async () => {
    await connectByLink(FIRST, 'tenant-7');
    await system.put({
      ...(await item()),
      status: 'reconnect_required',
      statusReason: 'rotation_lost',
      statusChangedAt: Date.now() - 1_000,
    });
    const claim = await claimAt((await system.manage(SECOND)).url);
    expect(claim).toMatchObject({ isConnector: true });
    expect(await item()).toMatchObject({ status: 'active', userId: '1077989', ref: 'tenant-7' });
    expect(await system.getToken({ accountId: idOf(MAPLE) })).toMatchObject({ ok: true });
  });

  it('takes no link: a link is for a connect', async () => {
    await connectByLink(FIRST, 'tenant-7');
    const made = new URL(await link('tenant-8')).searchParams.get('link');
    const user = browser();
    const callback = await user.decide(`${system.url}/oauth/manage?link=${made}`, SECOND);
    const { url } = await user.follow(callback);
    expect(await claimAt(url)).toMatchObject({ isConnector: false, ref: undefined });
    expect(await item()).toMatchObject({ ref: 'tenant-7', userId: '1077988' });
  });

  it('shows a page where the owner has no app to lead to', async () => {
    delete process.env['MANAGE_URL'];
    await connectByLink(FIRST);
    const { url, page } = await system.manage(SECOND);
    expect(url).toMatch(`${system.url}/oauth/callback?`);
    expect(page).toContain('already connected');
    expect(page).not.toContain('<a ');
  });
});

describe('a code without a state', () => {
  it.each(['callback', 'manage'])('is not used at /oauth/%s, whoever made it', async (path) => {
    const code = codeOf(await browser().decide(await link(), MAPLE));
    const victim = browser();
    const { url, response } = await victim.follow(`${system.url}/oauth/${path}?code=${code}`);
    // Jobber asks the user of this browser, who knows nothing of it.
    expect(new URL(url).pathname).toBe('/api/oauth/authorize');
    expect(await response.text()).toContain('Connect a Jobber account?');
    expect(system.simulator.audit().totals.tokenRequests).toBe(0);
    expect(await item()).toEqual({});
  });

  it('sends a browser through Jobber once, and not in a circle', async () => {
    const user = browser();
    await user.follow(`${system.url}/oauth/callback?code=x`);
    const { response } = await user.follow(`${system.url}/oauth/callback?code=x`);
    expect(response.status).toBe(400);
  });
});

const codeOf = (callback: string) => new URL(callback).searchParams.get('code') ?? '';
