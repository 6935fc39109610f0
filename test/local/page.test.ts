import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasChromium, launchChromium } from '../support/chromium.ts';
import { type TestSystem, testSystem } from '../support/local-system.ts';

describe.skipIf(!hasChromium)('in a real browser (skipped where no Chromium is installed)', () => {
  let system: TestSystem;
  let chrome: Browser;
  let page: Page;

  beforeAll(async () => {
    system = await testSystem({ webhooks: true });
    chrome = await launchChromium();
  }, 60_000);
  afterAll(async () => {
    await chrome?.close();
    await system?.close();
  });
  beforeEach(async () => {
    page = await chrome.newPage({ viewport: { width: 390, height: 844 } });
    return () => page.close();
  });

  async function connect(account: string) {
    await page.goto(`${system.url}/`);
    await page.getByRole('link', { name: 'Connect an account' }).click();
    await page.getByRole('radio', { name: account }).first().check();
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'Jobber is connected' }).waitFor();
  }

  const card = (account: string) =>
    page.getByRole('article').filter({ has: page.getByRole('heading', { name: account }) });

  const fits = () =>
    page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth');

  it('connects an account, and leads back to the page that shows it', async () => {
    await connect('Maple Street Plumbing');
    await page.getByText('Maple Street Plumbing').waitFor();
    expect(await fits()).toBe(true);
    await page.getByRole('link', { name: 'Continue' }).click();
    await card('Maple Street Plumbing').getByText('Connected').waitFor();
    expect(await card('Maple Street Plumbing').textContent()).toMatch(/59 min \d\d s left|60 min/);
    expect(await fits()).toBe(true);
  });

  it('redeems once for 200 callers, and says so', async () => {
    await connect('Northwind Landscaping');
    await page.goto(`${system.url}/`);
    const northwind = card('Northwind Landscaping');
    await northwind.getByRole('button', { name: 'Let it expire' }).click();
    await northwind.getByText('expired').waitFor();
    await northwind.getByRole('button', { name: '200 callers at once' }).click();
    await page
      .getByText('200 callers in 4 processes → 200 got a token, 1 redemption,')
      .waitFor({ timeout: 20_000 });
    expect(system.simulator.auditAccount(518027)).toMatchObject({
      redemptions: 1,
      doubleRedemptions: 0,
    });
  }, 30_000);

  it('shows a connection of whose disconnect nobody was told as one to reconnect', async () => {
    await connect('Harbour Window Cleaning');
    await page.goto(`${system.url}/`);
    const harbour = card('Harbour Window Cleaning');
    await harbour.getByRole('button', { name: 'Disconnect, webhook lost' }).click();
    await page.getByText('nobody has told us yet').waitFor();
    for (const answer of ['rotation_in_doubt', 'reconnect_required']) {
      await harbour.getByRole('button', { name: 'Let it expire' }).click();
      await harbour.getByText('expired').waitFor();
      await harbour.getByRole('button', { name: 'Hand me a token' }).click();
      await page.getByText(answer).first().waitFor();
    }
    await harbour.getByText('Reconnect required: revoked').waitFor();
  });

  it('hands out a token and calls the API with it, after a 401 with a new one', async () => {
    await connect('Maple Street Plumbing');
    await page.goto(`${system.url}/`);
    const maple = card('Maple Street Plumbing');
    await maple.getByRole('button', { name: 'Hand me a token' }).click();
    await page.getByText(/: a token valid for \d+ min → Jobber’s API answered 200/).waitFor();
    await maple.getByRole('button', { name: 'Let it expire' }).click();
    await maple.getByText('expired').waitFor();
    await maple.getByRole('button', { name: 'Hand me a token' }).click();
    await page.getByText(/401.* → a token valid for 60 min → Jobber’s API answered 200/).waitFor();
  });

  it('connects by a link, and disconnects from both sides', async () => {
    await page.goto(`${system.url}/`);
    await page.getByRole('button', { name: 'Create a connect link' }).click();
    await page.getByRole('link', { name: 'the link to send the customer’s browser to' }).click();
    await page.getByRole('radio', { name: 'Northwind Landscaping' }).first().check();
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('link', { name: 'Continue' }).click();
    const northwind = card('Northwind Landscaping');
    await northwind.getByRole('button', { name: 'Disconnect here' }).click();
    await northwind.getByText('Disconnected: disconnected_by_app').waitFor();
    await page.getByText('Event: connection.disconnected, Northwind Landscaping').waitFor();

    await connect('Northwind Landscaping');
    // What happens in the second of the grant cannot be told from what was before it.
    await page.waitForTimeout(1_100);
    await page.goto(`${system.url}/`);
    await northwind.getByRole('button', { name: 'Disconnect in Jobber' }).click();
    await northwind.getByText('Disconnected: disconnected_in_jobber').waitFor();
    expect(await fits()).toBe(true);
  }, 30_000);

  it('says when access was declined', async () => {
    await page.goto(`${system.url}/oauth/connect`);
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByRole('heading', { name: 'Not connected' }).waitFor();
  });
});
