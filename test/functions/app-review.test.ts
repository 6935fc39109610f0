import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browser } from '../../local/browser.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';
import { until } from '../support/until.ts';

/* What Jobber's app review tests of a connection's life (Developer Center, "App Review"). */

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem({ webhooks: true });
});
afterAll(() => system.close());

const status = async () => (await system.item(idOf(MAPLE)))?.['status'];
/** Whoever reviews takes longer than the second within which two events cannot be told apart. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 1_100));

describe('app review', () => {
  it('the app connects from Jobber’s marketplace, without a state', async () => {
    expect(await system.connectFromMarketplace(MAPLE)).toContain('Jobber is connected');
    expect(await status()).toBe('active');
  });

  it('a user who declines comes back to a page that says so', async () => {
    const page = await browser().connect(`${system.url}/oauth/connect`, MAPLE, 'deny');
    expect(page).toContain('Access was declined');
  });

  it('refresh token rotation is on: each refresh token is used once, and its successor kept', async () => {
    await system.expire(MAPLE);
    await system.deliver(JSON.stringify({ accountId: idOf(MAPLE) }));
    await system.expire(MAPLE);
    await system.deliver(JSON.stringify({ accountId: idOf(MAPLE) }));
    expect(system.simulator.auditAccount(MAPLE)).toMatchObject({
      redemptions: 2,
      doubleRedemptions: 0,
      refusals: 0,
    });
  });

  it('APP_DISCONNECT is handled, and the app then shows as disconnected', async () => {
    await aMoment();
    system.simulator.disconnect(MAPLE);
    await until(async () => (await status()) === 'disconnected');
    expect(await system.getToken({ accountId: idOf(MAPLE) })).toMatchObject({
      ok: false,
      error: { code: 'disconnected' },
    });
    const page = await (await fetch(`${system.url}/_local/state`)).text();
    expect(JSON.parse(page).connections).toMatchObject([
      { status: 'disconnected', statusReason: 'disconnected_in_jobber' },
    ]);
  });

  it('webhooks are answered with 2xx within a second', async () => {
    await until(() => system.simulator.webhookDeliveries().length > 0);
    const [delivery] = system.simulator.webhookDeliveries();
    expect(delivery).toEqual({ topic: 'APP_DISCONNECT', accountId: MAPLE, statuses: [200] });
  });

  it('a webhook with a wrong signature is refused', async () => {
    await system.connect(MAPLE);
    const before = system.simulator.webhookDeliveries().length;
    const occurredAt = Date.now() + 2_000;
    system.simulator.sendWebhook('APP_DISCONNECT', MAPLE, { forged: true, occurredAt });
    await until(() => system.simulator.webhookDeliveries().length > before);
    expect(system.simulator.webhookDeliveries()[0]?.statuses).toEqual([401]);
    expect(await status()).toBe('active');
  });

  it('a user can disconnect from the app’s side: appDisconnect, and Jobber shows it too', async () => {
    expect(await system.invoke('disconnect', { accountId: idOf(MAPLE) })).toMatchObject({
      status: 'disconnected',
    });
    expect(system.simulator.auditAccount(MAPLE).liveRefreshTokens).toEqual([]);
    expect(await status()).toBe('disconnected');
  });

  it('a disconnected account can connect again', async () => {
    await system.connect(MAPLE);
    expect(await status()).toBe('active');
    expect(await system.getToken({ accountId: idOf(MAPLE) })).toMatchObject({ ok: true });
  });
});
