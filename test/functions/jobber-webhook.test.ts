import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { handler as webhookHandler } from '../../functions/jobber-webhook.ts';
import type { WebhookOptions } from '../../local/jobber/webhooks.ts';
import { idOf, MAPLE, NORTHWIND, type TestSystem, testSystem } from '../support/local-system.ts';
import { until } from '../support/until.ts';

const { counted } = vi.hoisted(() => ({ counted: [] as string[] }));
vi.mock('../../shared/runtime/telemetry.ts', async (original) => {
  const telemetry = await original<typeof import('../../shared/runtime/telemetry.ts')>();
  return { ...telemetry, count: (metric: string) => void counted.push(metric) };
});

let system: TestSystem;
let handler: typeof webhookHandler;
beforeAll(async () => {
  system = await testSystem({ webhooks: true });
  ({ handler } = await import('../../functions/jobber-webhook.ts'));
});
afterAll(() => system.close());
beforeEach(() => {
  system.simulator.reset();
  system.simulator.settings.webhookUrl = `${system.url}/webhooks/jobber`;
  counted.length = 0;
});

const stored = async (account: number) =>
  (await system.connections()).find(({ accountId }) => accountId === idOf(account));
const rawItem = (account: number) => system.item(idOf(account));

/** Has the simulator send a webhook, and waits for what comes of it: the statuses of its deliveries. */
async function sent(topic: string, account: number, options: WebhookOptions = {}) {
  const before = system.simulator.webhookDeliveries().length;
  system.simulator.sendWebhook(topic, account, options);
  await until(() => system.simulator.webhookDeliveries().length > before);
  return system.simulator.webhookDeliveries()[0]?.statuses;
}

/** Surely after the last grant, in whole seconds. */
const later = () => Date.now() + 2_000;

const event = (fields: object = {}) =>
  JSON.stringify({
    data: {
      webHookEvent: {
        topic: 'CLIENT_CREATE',
        appId: 'MQ==',
        accountId: idOf(MAPLE),
        itemId: 'Mg==',
        occurredAt: '2026-01-15T09:00:00-06:00',
        ...fields,
      },
    },
  });
const signature = (body: string | Buffer, secret = 'simulated-secret') =>
  createHmac('sha256', secret).update(body).digest('base64');
const post = (body: string, signed = signature(body)) =>
  fetch(`${system.url}/webhooks/jobber`, {
    method: 'POST',
    body,
    headers: { 'X-Jobber-Hmac-SHA256': signed },
  });

describe('APP_DISCONNECT', () => {
  it.each<[string, WebhookOptions]>([
    ['as Jobber sends it today', {}],
    ['as a form', { encoding: 'form' }],
    ['with occuredAt', { timeField: 'occuredAt' }],
    ['with the older encoding of the account id', { accountIdForm: 'number' }],
    ['with the bare account number', { accountIdForm: 'bare' }],
    ['three times', { times: 3 }],
  ])('%s deletes the tokens, and says so', async (_, options) => {
    await system.connect(MAPLE);
    const statuses = await sent('APP_DISCONNECT', MAPLE, { occurredAt: later(), ...options });
    expect(statuses).toEqual(Array(options.times ?? 1).fill(200));
    expect(await stored(MAPLE)).toMatchObject({
      status: 'disconnected',
      statusReason: 'disconnected_in_jobber',
    });
    expect(Object.keys((await rawItem(MAPLE)) ?? {}).sort()).toEqual([
      'accountId',
      'accountName',
      'connectedAt',
      'grantId',
      'issuedTo',
      'rotation',
      'status',
      'statusChangedAt',
      'statusReason',
      'userId',
    ]);
  });

  it('of an earlier grant changes nothing, however late it comes', async () => {
    await system.connect(MAPLE);
    const disconnectedAt = Date.now();
    await system.connect(MAPLE);
    const before = await rawItem(MAPLE);
    expect(await sent('APP_DISCONNECT', MAPLE, { occurredAt: disconnectedAt, times: 2 })).toEqual([
      200, 200,
    ]);
    expect(await rawItem(MAPLE)).toEqual(before);
  });

  it.each([
    ['in the second before the grant', 9_999, 'active'],
    ['in the second of the grant, which it cannot be told from', 10_001, 'active'],
    ['at the very start of the grant’s second', 10_000, 'disconnected'],
    ['in a later second', 9_000, 'disconnected'],
  ])('%s', async (_, connectedAt, status) => {
    await system.connect(MAPLE);
    const item = (await rawItem(MAPLE)) ?? {};
    const base = Date.UTC(2026, 0, 15, 9);
    // Sent as the start of its second, 10 s after the base.
    await system.put({ ...item, connectedAt: base + connectedAt });
    const occurredAt = status === 'active' && connectedAt === 9_999 ? base + 9_500 : base + 10_900;
    await sent('APP_DISCONNECT', MAPLE, { occurredAt });
    expect(await stored(MAPLE)).toMatchObject({ status });
  });

  it('ends a connection that had lapsed, and leaves one that was disconnected as it is', async () => {
    await system.connectExpired(MAPLE);
    system.simulator.settings.webhookUrl = '';
    system.simulator.disconnect(MAPLE);
    system.simulator.settings.webhookUrl = `${system.url}/webhooks/jobber`;
    await system.getToken({ accountId: idOf(MAPLE) });
    await system.expire(MAPLE);
    await system.getToken({ accountId: idOf(MAPLE) });
    expect(await stored(MAPLE)).toMatchObject({ status: 'reconnect_required' });
    await sent('APP_DISCONNECT', MAPLE, { occurredAt: later() });
    const ended = await rawItem(MAPLE);
    expect(ended).toMatchObject({ status: 'disconnected' });
    await sent('APP_DISCONNECT', MAPLE, { occurredAt: later() });
    expect(await rawItem(MAPLE)).toEqual(ended);
  });

  it('that lies more than five minutes in the future ends neither this grant nor a later one', async () => {
    await system.connect(MAPLE);
    const occurredAt = Date.now() + 6 * 60_000;
    expect(await sent('APP_DISCONNECT', MAPLE, { occurredAt })).toEqual([200]);
    expect(await stored(MAPLE)).toMatchObject({ status: 'active' });
    await system.connect(MAPLE);
    expect(await sent('APP_DISCONNECT', MAPLE, { occurredAt })).toEqual([200]);
    expect(await stored(MAPLE)).toMatchObject({ status: 'active' });
    expect(counted.filter((metric) => metric === 'WebhookFromFuture')).toHaveLength(2);
  });

  it('from a clock that is less than five minutes fast deletes the tokens', async () => {
    await system.connect(MAPLE);
    await sent('APP_DISCONNECT', MAPLE, { occurredAt: Date.now() + 4 * 60_000 });
    expect(await stored(MAPLE)).toMatchObject({ status: 'disconnected' });
    expect(counted).not.toContain('WebhookFromFuture');
  });

  it('of an account that never connected is answered 200', async () => {
    expect(await sent('APP_DISCONNECT', 999_999, { occurredAt: later() })).toEqual([200]);
  });

  it('leaves other accounts alone', async () => {
    await system.connect(MAPLE);
    await system.connect(NORTHWIND);
    await sent('APP_DISCONNECT', MAPLE, { occurredAt: later() });
    expect(await stored(NORTHWIND)).toMatchObject({ status: 'active' });
  });

  it('ends nothing during a refresh that the refresh could bring back', async () => {
    await system.connectExpired(MAPLE);
    system.simulator.faults.push({ kind: 'latency', ms: 300, path: 'token' });
    const refreshing = system.getToken({ accountId: idOf(MAPLE) });
    await until(async () => (await stored(MAPLE))?.leased === true);
    await sent('APP_DISCONNECT', MAPLE, { occurredAt: later() });
    expect(await refreshing).toMatchObject({ ok: false, error: { code: 'disconnected' } });
    expect(await stored(MAPLE)).toMatchObject({ status: 'disconnected' });
  });
});

describe('every other topic', () => {
  it('is passed on as an event', async () => {
    expect(await sent('CLIENT_CREATE', MAPLE, { itemId: 'Mg==', occurredAt: 1_768_489_200_500 }));
    expect(system.bus.events()[0]).toMatchObject({
      source: 'jobber-tokens',
      'detail-type': 'webhook.received',
      detail: {
        topic: 'CLIENT_CREATE',
        accountId: idOf(MAPLE),
        appId: 'MQ==',
        itemId: 'Mg==',
        occurredAt: '2026-01-15T15:00:00.000Z',
      },
    });
  });

  it('carries a hash of its body, the same at each delivery of the same body', async () => {
    const body = event({ itemId: 'ä' });
    const hashes = async (times: number) =>
      system.bus
        .events()
        .slice(0, times)
        .map(({ detail }) => detail['bodySha256']);
    await post(body);
    await post(body);
    const hash = createHash('sha256').update(body).digest('hex');
    expect(await hashes(2)).toEqual([hash, hash]);

    const headers = { 'x-jobber-hmac-sha256': signature(body) };
    const encoded = Buffer.from(body).toString('base64');
    await handler({ headers, body: encoded, isBase64Encoded: true });
    expect(await hashes(1)).toEqual([hash]);

    await post(`${body} `);
    expect(await hashes(1)).not.toEqual([hash]);
  });

  it('is answered 200, though nobody knows it', async () => {
    expect(await sent('SOMETHING_NEW', 999_999)).toEqual([200]);
  });

  it('is sent again if the bus does not take it', async () => {
    const body = event();
    const failing = system.bus.refuse();
    expect((await post(body)).status).toBe(500);
    failing();
    expect((await post(body)).status).toBe(200);
  });
});

it('each webhook that Jobber signed is counted, so that silence can be noticed, and no other', async () => {
  await post(event());
  await post(event({ topic: 'APP_DISCONNECT', accountId: idOf(999_999) }));
  await post('not JSON');
  expect(counted.filter((metric) => metric === 'WebhookReceived')).toHaveLength(3);
  await post(event(), 'forged');
  expect(counted.filter((metric) => metric === 'WebhookReceived')).toHaveLength(3);
});

describe('what Jobber did not sign', () => {
  it('is answered 401 without detail, and changes nothing', async () => {
    await system.connect(MAPLE);
    const events = system.bus.events().length;
    expect(await sent('APP_DISCONNECT', MAPLE, { occurredAt: later(), forged: true })).toEqual([
      401,
    ]);
    expect(await stored(MAPLE)).toMatchObject({ status: 'active' });
    const response = await post(event(), '');
    expect([response.status, await response.text()]).toEqual([401, '']);
    expect(system.bus.events()).toHaveLength(events);
  });

  it('is answered 4xx whatever it is, without an exception', async () => {
    const body = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.constant('x'.repeat(70_000)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          body: fc.option(body, { nil: undefined }),
          isBase64Encoded: fc.boolean(),
          headers: fc.dictionary(
            fc.constantFrom('x-jobber-hmac-sha256', 'content-type'),
            fc.string({ unit: 'binary' }),
          ),
        }),
        async ({ body, ...rest }) => {
          const given = { ...rest, ...(body !== undefined && { body }) };
          const { statusCode = 0 } = await handler(given);
          expect([401, 413]).toContain(statusCode);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('what Jobber signed', () => {
  it('may be base64 from API Gateway, or text', async () => {
    const body = event({ topic: 'ÄNDERUNG' });
    const headers = { 'x-jobber-hmac-sha256': signature(body) };
    const encoded = Buffer.from(body).toString('base64');
    expect(await handler({ headers, body, isBase64Encoded: false })).toEqual({ statusCode: 200 });
    expect(await handler({ headers, body: encoded, isBase64Encoded: true })).toEqual({
      statusCode: 200,
    });
  });

  it('but cannot be read is answered 200, as sending it again would not help, and passed on to nobody', async () => {
    const events = system.bus.events().length;
    for (const body of ['', 'not JSON', '[]', event({ topic: '' }), event({ accountId: null })]) {
      expect((await post(body)).status).toBe(200);
    }
    expect(system.bus.events()).toHaveLength(events);
  });

  it('is never answered 5xx because of what it holds', async () => {
    const field = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }));
    const body = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc
        .record({ topic: field, accountId: field, itemId: field, occurredAt: field })
        .map((fields) => event(fields)),
      field.map((accountId) => event({ topic: 'APP_DISCONNECT', accountId })),
    );
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        const bytes = Buffer.from(text);
        const answered = await handler({
          headers: { 'x-jobber-hmac-sha256': signature(bytes) },
          body: bytes.toString('base64'),
          isBase64Encoded: true,
        });
        expect(answered).toEqual({ statusCode: bytes.length > 65_536 ? 413 : 200 });
      }),
      { numRuns: 500 },
    );
  });

  it('and is too large to come from Jobber is refused', async () => {
    const body = event({ itemId: 'x'.repeat(65_536) });
    expect((await post(body)).status).toBe(413);
  });

  it('is sent again while the table is down', async () => {
    await system.connect(MAPLE);
    const back = await system.tableOutage();
    const disconnect = event({ topic: 'APP_DISCONNECT' });
    expect((await post(disconnect)).status).toBe(500);
    await back();
    expect((await post(disconnect)).status).toBe(200);
  }, 15_000);
});
