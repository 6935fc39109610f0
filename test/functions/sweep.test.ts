import { GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { functions } from '../../functions/manifest.ts';
import type { SweepResult } from '../../functions/refresh-sweep.ts';
import type { EpochMs } from '../../shared/runtime/clock.ts';
import { GRACE } from '../../shared/tokens/budgets.ts';
import { SWEEP_ID } from '../../shared/tokens/other-items.ts';
import { slotOf, slotsBetween } from '../../shared/tokens/sweep-wheel.ts';
import { idOf, MAPLE, NORTHWIND, type TestSystem, testSystem } from '../support/local-system.ts';
import { until } from '../support/until.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
beforeEach(async () => {
  system.simulator.reset();
  for (const { accountId } of await system.connections()) await system.remove(accountId);
});

const rotationOf = async (account: number) =>
  (await system.connections()).find(({ accountId }) => accountId === idOf(account))?.rotation;

const MINUTE = 60_000;
const iso = (time: number) => new Date(time).toISOString();
/** The last minute before `time` in which a sweep visits the account. */
function slotTime(account: number, wheel: 'warm' | 'idle', time: number): number {
  const slot = slotOf(idOf(account), wheel);
  const day = slotsBetween((time - 24 * 60 * MINUTE) as EpochMs, time as EpochMs);
  return day.findLast(({ slots }) => slots.includes(slot))?.begins ?? Number.NaN;
}
const sweptUntil = async () => (await system.item(SWEEP_ID))?.['sweptUntil'];

/** How many messages the queue of the refreshes has, by kind. */
async function messages(kind: '' | 'NotVisible' | 'Delayed'): Promise<number> {
  const client = new SQSClient({ endpoint: process.env['AWS_ENDPOINT_URL_SQS'] ?? '' });
  const name = `ApproximateNumberOfMessages${kind}` as const;
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({
      QueueUrl: process.env['REFRESH_QUEUE_URL'],
      AttributeNames: [name],
    }),
  );
  return Number(Attributes?.[name]);
}
/** Loads a function whose queue does not exist. */
async function withoutQueue<T>(load: () => Promise<T>): Promise<T> {
  const url = process.env['REFRESH_QUEUE_URL'] ?? '';
  vi.resetModules();
  process.env['REFRESH_QUEUE_URL'] = `${url}-of-nobody`;
  try {
    return await load();
  } finally {
    process.env['REFRESH_QUEUE_URL'] = url;
    vi.resetModules();
  }
}
const delayed = () => messages('Delayed');
const drained = () =>
  until(async () => (await messages('')) + (await messages('NotVisible')) === 0);

describe('a sweep', () => {
  it('visits the connections whose slot has come round by the time that Scheduler meant, each once', async () => {
    await system.connect(MAPLE);
    const slot = slotTime(MAPLE, 'warm', Date.now() - 5 * MINUTE);
    await system.put({ accountId: SWEEP_ID, sweptUntil: slot - MINUTE });
    expect(await system.sweep(iso(slot - 1))).toEqual({ queued: 0, complete: true });
    expect(await system.sweep(iso(slot + 30_000))).toEqual({ queued: 1, complete: true });
    expect(await sweptUntil()).toBe(slot);
    // The same event again, and one that was late.
    expect(await system.sweep(iso(slot + 30_000))).toEqual({ queued: 0, complete: true });
    expect(await system.sweep(iso(slot - 5 * MINUTE))).toEqual({ queued: 0, complete: true });
    expect(await sweptUntil()).toBe(slot);
  });

  it('makes up for those that were missed', async () => {
    await system.connect(MAPLE);
    const now = Date.now();
    await system.put({ accountId: SWEEP_ID, sweptUntil: now - 3 * 60 * MINUTE });
    expect(await system.sweep(iso(now))).toEqual({ queued: 1, complete: true });
    expect(await system.sweep(iso(now))).toEqual({ queued: 0, complete: true });
  });

  it('visits an idle connection once a day', async () => {
    await system.connect(MAPLE);
    const item = await system.item(idOf(MAPLE));
    const connectedAt = Date.now() - 3 * 24 * 60 * MINUTE;
    await system.put({ ...item, connectedAt, sweepSlot: slotOf(idOf(MAPLE), 'idle') });
    const slot = slotTime(MAPLE, 'idle', Date.now());
    await system.put({ accountId: SWEEP_ID, sweptUntil: slot - MINUTE });
    expect(await system.sweep(iso(slot))).toEqual({ queued: 1, complete: true });
    await drained();
    expect(await system.sweep(iso(Date.now()))).toEqual({ queued: 0, complete: true });
    expect((await system.item(idOf(MAPLE)))?.['sweepSlot']).toMatch(/^idle/);
  });

  it('refreshes what would not last until the next visit, through the queue, and nothing else', async () => {
    await system.connect(NORTHWIND);
    system.simulator.settings.accessTokenLifetimeSeconds = 54 * 60;
    await system.connect(MAPLE);
    system.simulator.settings.accessTokenLifetimeSeconds = 3_600;
    expect(await system.sweep()).toEqual({ queued: 2, complete: true });
    await until(async () => (await rotationOf(MAPLE)) === 1);
    await drained();
    expect(await rotationOf(NORTHWIND)).toBe(0);
  });

  it('may run twice at once: each connection is refreshed once', async () => {
    system.simulator.settings.accessTokenLifetimeSeconds = 60;
    const accounts = Array.from({ length: 12 }, (_, index) => 700_000 + index);
    for (const account of accounts) await system.connect(account);
    system.simulator.settings.accessTokenLifetimeSeconds = 3_600;
    await Promise.all([system.sweep(), system.sweep()]);
    await until(async () => {
      const rotations = await Promise.all(accounts.map(rotationOf));
      return rotations.every((rotation) => rotation === 1);
    });
    await drained();
    for (const account of accounts) {
      expect(system.simulator.auditAccount(account)).toMatchObject({
        redemptions: 1,
        doubleRedemptions: 0,
      });
    }
  });

  it('stops before its time-out, says that it has not seen all, and the next one goes on', async () => {
    await system.connect(MAPLE);
    const { handler } = await import('../../functions/refresh-sweep.ts');
    const slot = slotTime(MAPLE, 'warm', Date.now());
    await system.put({ accountId: SWEEP_ID, sweptUntil: slot - 2 * MINUTE });
    const hurried = { getRemainingTimeInMillis: () => 9_000 } as never;
    expect(await handler({ scheduledTime: iso(slot) }, hurried)).toEqual({
      queued: 0,
      complete: false,
    } satisfies SweepResult);
    expect(await sweptUntil()).toBe(slot - 2 * MINUTE);
    expect(await system.sweep(iso(slot))).toEqual({ queued: 1, complete: true });
  });

  it('that the queue refuses fails, and the next one makes up for it', async () => {
    await system.connect(MAPLE);
    const slot = slotTime(MAPLE, 'warm', Date.now());
    await system.put({ accountId: SWEEP_ID, sweptUntil: slot - MINUTE });
    const { handler } = await withoutQueue(() => import('../../functions/refresh-sweep.ts'));
    const context = { getRemainingTimeInMillis: () => 200_000 } as never;
    await expect(handler({ scheduledTime: iso(slot) }, context)).rejects.toThrow();
    expect(await sweptUntil()).toBe(slot - MINUTE);
    expect(await system.sweep(iso(slot))).toEqual({ queued: 1, complete: true });
  });

  it('refuses a time that is none, and looks no further than its own clock', async () => {
    await expect(system.sweep('yesterday')).rejects.toThrow('ISO 8601');
    await system.sweep(iso(Date.now() + 60 * MINUTE));
    expect(await sweptUntil()).toBeLessThanOrEqual(Date.now());
  });
});

describe('refresh-connection', () => {
  const message = (account: number | string, more: object = {}) =>
    JSON.stringify({ accountId: typeof account === 'number' ? idOf(account) : account, ...more });
  const refusesFor = (account: number) =>
    system.simulator.faults.push({
      kind: 'status',
      status: 429,
      retryAfter: 3_600,
      accountId: account,
      times: null,
    });

  it('leaves in the queue only the messages that it cannot read', async () => {
    await system.connect(MAPLE);
    await system.expire(MAPLE);
    const { batchItemFailures } = await system.deliver(
      message(MAPLE),
      'not JSON',
      '{"accountId":""}',
      message('nobody'),
    );
    const failed = batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
    expect(failed.sort()).toEqual(['1', '2']);
    expect(await rotationOf(MAPLE)).toBe(1);
  });

  it('sends a visit that failed for now to the queue again, later and later, until the next visit', async () => {
    await system.connect(NORTHWIND);
    await system.expire(NORTHWIND);
    refusesFor(NORTHWIND);
    const later = await delayed();
    const visit = { task: 'visit', until: Date.now() + 45 * MINUTE };
    expect(await system.deliver(message(NORTHWIND, visit))).toEqual({ batchItemFailures: [] });
    expect(await delayed()).toBe(later + 1);
    // Half a minute is the least.
    for (const until of [Date.now() - 1, Date.now() + 25_000]) {
      const deliver = system.deliver(message(NORTHWIND, { ...visit, until }));
      expect(await deliver).toEqual({ batchItemFailures: [] });
      expect(await delayed()).toBe(later + 1);
    }
    // Seven and a half minutes at the fifth time.
    const fifth = { ...visit, tries: 5, until: Date.now() + 7 * MINUTE };
    expect(await system.deliver(message(NORTHWIND, fifth))).toEqual({ batchItemFailures: [] });
    expect(await delayed()).toBe(later + 1);
    system.simulator.faults.clear();
    expect(await system.deliver(message(NORTHWIND))).toEqual({ batchItemFailures: [] });
    expect(await rotationOf(NORTHWIND)).toBe(1);
  });

  it('leaves it where it is if the queue does not take it', async () => {
    await system.connect(NORTHWIND);
    await system.expire(NORTHWIND);
    refusesFor(NORTHWIND);
    const { handler } = await withoutQueue(() => import('../../functions/refresh-connection.ts'));
    const event = {
      Records: [{ messageId: '7', body: message(NORTHWIND), eventSource: 'aws:sqs' }],
    };
    const answer = handler(event as never, { getRemainingTimeInMillis: () => 179_000 } as never);
    expect(await answer).toEqual({ batchItemFailures: [{ itemIdentifier: '7' }] });
  });

  it('is done with a connection that needs its admin, and with one that is fresh already', async () => {
    await system.connect(MAPLE);
    await system.connect(NORTHWIND);
    system.simulator.disconnect(MAPLE);
    await system.expire(MAPLE);
    const before = system.simulator.audit().totals.tokenRequests;
    const deliver = () => system.deliver(message(MAPLE), message(NORTHWIND));
    // In doubt at first, so it is tried again later.
    expect(await deliver()).toEqual({ batchItemFailures: [] });
    expect(system.simulator.audit().totals.tokenRequests).toBe(before + 1);
    const { retryAt: _, ...refused } = (await system.item(idOf(MAPLE))) ?? {};
    expect(refused).toMatchObject({ status: 'active' });
    await system.put({ ...refused, refusedAt: Number(refused['refusedAt']) - GRACE });
    expect(await deliver()).toEqual({ batchItemFailures: [] });
    expect(system.simulator.audit().totals.tokenRequests).toBe(before + 2);
    expect(await system.connections()).toContainEqual(
      expect.objectContaining({ accountId: idOf(MAPLE), status: 'reconnect_required' }),
    );
  });

  it('gives a message up to the dead-letter queue that never succeeds', async () => {
    const client = new SQSClient({ endpoint: process.env['AWS_ENDPOINT_URL_SQS'] ?? '' });
    const { Attributes } = await client.send(
      new GetQueueAttributesCommand({
        QueueUrl: process.env['REFRESH_QUEUE_URL'],
        AttributeNames: ['All'],
      }),
    );
    expect(JSON.parse(Attributes?.['RedrivePolicy'] ?? '')).toMatchObject({ maxReceiveCount: 5 });
    expect(Number(Attributes?.['VisibilityTimeout'])).toBe(
      6 * functions['refresh-connection'].timeoutSeconds,
    );
    await client.send(
      new ReceiveMessageCommand({ QueueUrl: process.env['REFRESH_QUEUE_URL'], WaitTimeSeconds: 0 }),
    );
  });
});
