import type { Server } from 'node:http';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signInWithJobber } from '../../examples/sign-in-with-jobber.ts';
import { close, listen } from '../../local/listen.ts';
import { hasChromium, launchChromium } from '../support/chromium.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';

describe.skipIf(!hasChromium)('Manage App, in a real browser (skipped without Chromium)', () => {
  let system: TestSystem;
  let app: Server;
  let appUrl: string;
  let chrome: Browser;
  let user: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    system = await testSystem();
    // The app is at an origin of its own, whose port is known once it listens.
    const placeholder = signInWithJobber({ issuer: system.url, url: 'http://127.0.0.1' });
    const port = await listen(placeholder, 0);
    await close(placeholder);
    appUrl = `http://127.0.0.1:${port}`;
    app = signInWithJobber({ issuer: system.url, url: appUrl });
    await listen(app, port);
    chrome = await launchChromium();
  }, 60_000);
  afterAll(async () => {
    await chrome?.close();
    if (app) await close(app);
    await system?.close();
    delete process.env['MANAGE_URL'];
  });
  beforeEach(async () => {
    process.env['MANAGE_URL'] = `${appUrl}/jobber`;
    system.simulator.reset();
    Object.assign(system.simulator.settings, {
      callbackUrl: `${system.url}/oauth/callback`,
      manageUrl: `${system.url}/oauth/manage`,
    });
    await system.remove(idOf(MAPLE));
    user = await chrome.newContext({ viewport: { width: 390, height: 844 } });
    page = await user.newPage();
    return () => user.close();
  });

  async function marketplaceAs(admin: 'First admin' | 'Second admin') {
    await page.goto(`${system.jobberUrl}/marketplace`);
    await page.getByLabel('You are').selectOption({ label: `${admin}, Maple Street Plumbing` });
    await page.getByRole('button', { name: 'Sign in' }).click();
  }
  async function connectAs(admin: 'First admin' | 'Second admin') {
    await marketplaceAs(admin);
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByRole('button', { name: 'Allow' }).click();
  }
  const connection = () => system.item(idOf(MAPLE));
  const fits = () =>
    page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth');

  it('connects from the marketplace, and shows who connected', async () => {
    await connectAs('First admin');
    await page.getByRole('heading', { name: 'Jobber is connected' }).waitFor();
    await page.goto(system.url);
    await page.getByText('First admin (1077988)').waitFor();
    expect(await fits()).toBe(true);
    await page.getByRole('link', { name: 'Jobber’s marketplace' }).click();
    await page.getByRole('button', { name: 'Manage App' }).waitFor();
    expect(await fits()).toBe(true);
  });

  it('signs a second admin in to the owner’s app, and leaves the connection alone', async () => {
    await connectAs('First admin');
    await page.getByRole('heading', { name: 'Jobber is connected' }).waitFor();
    const before = await connection();
    await marketplaceAs('Second admin');
    await page.getByRole('button', { name: 'Manage App' }).click();
    await page.getByText('Sign in as Second admin of Maple Street Plumbing?').waitFor();
    const claimed = page.url();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Hello, Second admin of Maple Street Plumbing.').waitFor();
    expect(await connection()).toEqual(before);
    // The claim is good once.
    expect((await page.goto(claimed))?.status()).toBe(400);
  });

  it('heals a connection whose rotation was lost', async () => {
    await connectAs('First admin');
    await page.getByRole('heading', { name: 'Jobber is connected' }).waitFor();
    const lost = {
      status: 'reconnect_required',
      statusReason: 'rotation_lost',
      statusChangedAt: 1,
    };
    await system.put({ ...(await connection()), ...lost });
    await marketplaceAs('Second admin');
    await page.getByRole('button', { name: 'Manage App' }).click();
    await page.getByText('Sign in as Second admin of Maple Street Plumbing?').waitFor();
    expect(await connection()).toMatchObject({ status: 'active', userId: '1077989' });
    expect(await system.getToken({ accountId: idOf(MAPLE) })).toMatchObject({ ok: true });
  });

  it('does not use a code that the page of an attacker brings', async () => {
    for (const path of ['callback', 'manage']) {
      const redirectUri = `${system.url}/oauth/callback`;
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: 'simulated-client',
        redirect_uri: redirectUri,
        account: '518027',
        decision: 'allow',
      });
      const attacker = await fetch(`${system.jobberUrl}/api/oauth/authorize`, {
        method: 'POST',
        body: query,
        redirect: 'manual',
      });
      const code = new URL(attacker.headers.get('location') ?? '').searchParams.get('code');
      await page.setContent(`<a href="${system.url}/oauth/${path}?code=${code}">Look</a>`);
      await page.getByRole('link').click();
      await page.getByRole('heading', { name: 'Connect a Jobber account?' }).waitFor();
      expect(system.simulator.audit().totals.tokenRequests).toBe(0);
    }
  });

  it('signs in nobody else than the page shows, though another claim came meanwhile', async () => {
    await connectAs('First admin');
    await marketplaceAs('First admin');
    await page.getByRole('button', { name: 'Manage App' }).click();
    await page.getByText('Sign in as First admin of Maple Street Plumbing?').waitFor();
    process.env['MANAGE_URL'] = `${appUrl}/not-used`;
    const attacker = await system.manage('518027/1204415');
    const other = await user.newPage();
    await other.goto(attacker.url.replace('/not-used', '/jobber'));
    await other.getByText('Sign in as First admin of Northwind Landscaping?').waitFor();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Hello, First admin of Maple Street Plumbing.').waitFor();
  });

  it('does not let the form of another site confirm a sign-in', async () => {
    await connectAs('First admin');
    await marketplaceAs('First admin');
    await page.getByRole('button', { name: 'Manage App' }).click();
    await page.getByText('Sign in as First admin').waitFor();
    const other = await user.newPage();
    await other.goto('data:text/html,<title>another site</title>');
    await other.setContent(
      `<form method="post" action="${appUrl}/jobber"><button>Win a prize</button></form>`,
    );
    await other.getByRole('button').click();
    await other.getByText('Please start again from Jobber.').waitFor();
  });
});
