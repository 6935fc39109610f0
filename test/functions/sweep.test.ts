import { GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { functions } from '../../functions/manifest.ts';
import type { SweepResult } from '../../functions/refresh-sweep.ts';
import { GRACE } from '../../shared/tokens/budgets.ts';
import { idOf, MAPLE, NORTHWIND, type TestSystem, testSystem } from '../support/local-system.ts';
import { until } from '../support/until.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
beforeEach(() => system.simulator.reset());

const rotationOf = async (account: number) =>
  (await system.connections()).find(({ accountId }) => accountId === idOf(account))?.rotation;

describe('a sweep', () => {
  it('refreshes what expires within 15 minutes, through the queue, and nothing else', async () => {
    await system.connect(NORTHWIND);
    system.simulator.settings.accessTokenLifetimeSeconds = 14 * 60;
    await system.connect(MAPLE);
    system.simulator.settings.accessTokenLifetimeSeconds = 3_600;
    expect(await system.sweep()).toEqual({ queued: 1, complete: true });
    await until(async () => (await rotationOf(MAPLE)) === 1);
    expect(await rotationOf(NORTHWIND)).toBe(0);
    expect(await system.sweep()).toEqual({ queued: 0, complete: true });
  });

  it('may run twice at once: each connection is refreshed once', async () => {
    system.simulator.settings.accessTokenLifetimeSeconds = 60;
    const accounts = Array.from({ length: 12 }, (_, index) => 700_000 + index);
    for (const account of accounts) await system.connect(account);
    system.simulator.settings.accessTokenLifetimeSeconds = 3_600;
    const results = await Promise.all([system.sweep(), system.sweep()]);
    // One may find done already what the other has queued.
    expect(results.reduce((sum, { queued }) => sum + queued, 0)).toBeGreaterThanOrEqual(12);
    await until(async () => {
      const rotations = await Promise.all(accounts.map(rotationOf));
      return rotations.every((rotation) => rotation === 1);
    });
    for (const account of accounts) {
      expect(system.simulator.auditAccount(account)).toMatchObject({
        redemptions: 1,
        doubleRedemptions: 0,
      });
    }
  });

  it('stops before its time-out, and says that it has not seen all', async () => {
    system.simulator.settings.accessTokenLifetimeSeconds = 60;
    await system.connect(MAPLE);
    const { handler } = await import('../../functions/refresh-sweep.ts');
    const hurried = { getRemainingTimeInMillis: () => 9_000 } as never;
    expect(await handler({}, hurried)).toEqual({
      queued: 0,
      complete: false,
    } satisfies SweepResult);
    await system.expire(MAPLE);
  });
});

describe('refresh-connection', () => {
  const message = (account: number | string) =>
    JSON.stringify({ accountId: typeof account === 'number' ? idOf(account) : account });

  it('leaves in the queue only the messages whose work failed', async () => {
    await system.connect(MAPLE);
    await system.connect(NORTHWIND);
    await system.expire(MAPLE);
    await system.expire(NORTHWIND);
    system.simulator.faults.push({
      kind: 'status',
      status: 429,
      retryAfter: 3_600,
      accountId: NORTHWIND,
      times: null,
    });
    const { batchItemFailures } = await system.deliver(
      message(MAPLE),
      message(NORTHWIND),
      'not JSON',
      '{"accountId":""}',
      message('nobody'),
    );
    const failed = batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
    expect(failed.sort()).toEqual(['1', '2', '3']);
    expect(await rotationOf(MAPLE)).toBe(1);
    system.simulator.faults.clear();
    expect(await system.deliver(message(NORTHWIND))).toEqual({ batchItemFailures: [] });
    expect(await rotationOf(NORTHWIND)).toBe(1);
  });

  it('is done with a connection that needs its admin, and with one that is fresh already', async () => {
    await system.connect(MAPLE);
    await system.connect(NORTHWIND);
    system.simulator.disconnect(MAPLE);
    await system.expire(MAPLE);
    const before = system.simulator.audit().totals.tokenRequests;
    const deliver = () => system.deliver(message(MAPLE), message(NORTHWIND));
    // In doubt at first, for which the message is not kept: the next sweep queues it again.
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
