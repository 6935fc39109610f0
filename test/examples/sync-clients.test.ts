import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { SyncResult } from '../../examples/sync-clients.ts';
import { idOf, MAPLE, NORTHWIND, type TestSystem, testSystem } from '../support/local-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
afterEach(() => {
  vi.restoreAllMocks();
  system.simulator.faults.clear();
});

const HARBOUR = 602391;

/** As Lambda is invoked; the function, the client in it, and get-token behind that are the real ones. */
async function sync(request: object): Promise<SyncResult> {
  const lambda = new LambdaClient({ endpoint: system.awsUrl });
  const { Payload, FunctionError } = await lambda.send(
    new InvokeCommand({ FunctionName: 'sync-clients', Payload: JSON.stringify(request) }),
  );
  const result = JSON.parse(new TextDecoder().decode(Payload));
  if (FunctionError) throw new Error(result.errorMessage);
  return result;
}

async function copiesOf(account: number): Promise<Set<string>> {
  const ids = new Set<string>();
  let ExclusiveStartKey: Record<string, unknown> | undefined;
  do {
    const { Items = [], LastEvaluatedKey } = await system.db.send(
      new QueryCommand({
        TableName: process.env['CLIENTS_TABLE'],
        KeyConditionExpression: 'accountId = :id',
        ExpressionAttributeValues: { ':id': idOf(account) },
        ExclusiveStartKey,
      }),
    );
    for (const { clientId } of Items) ids.add(clientId);
    ExclusiveStartKey = LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return ids;
}

/** Does something just before the n-th request to GraphQL is sent; @returns the statuses of all answers. */
function beforeRequest(happenings: Record<number, () => unknown>): number[] {
  const statuses: number[] = [];
  const send = globalThis.fetch;
  let requests = 0;
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
    if (!String(url).endsWith('/api/graphql')) return send(url, init);
    await happenings[++requests]?.();
    const response = await send(url, init);
    statuses.push(response.status);
    return response;
  });
  return statuses;
}

it('copies 1,000 clients through a token expiry in the middle, a throttling and a 401, with one refresh', async () => {
  await system.connect(MAPLE);
  const { faults, auditAccount } = system.simulator;
  const statuses = beforeRequest({
    3: () => faults.push({ kind: 'throttled', requested: 1_003, available: 953 }),
    6: () => system.expire(MAPLE),
  });

  expect(await sync({ accountId: idOf(MAPLE) })).toEqual({ copied: 1_000 });

  expect((await copiesOf(MAPLE)).size).toBe(1_000);
  // Ten pages, the third throttled first, and the fifth rejected first.
  expect(statuses).toEqual([200, 200, 200, 200, 200, 401, 200, 200, 200, 200, 200, 200]);
  expect(auditAccount(MAPLE)).toMatchObject({ redemptions: 1, doubleRedemptions: 0, refusals: 0 });
});

it('shares the one refresh with others who need a token in the same moment', async () => {
  await system.connect(NORTHWIND);
  system.simulator.settings.clientsPerAccount = 300;
  beforeRequest({ 2: () => system.expire(NORTHWIND) });
  const accountId = idOf(NORTHWIND);
  const results = await Promise.all([1, 2, 3].map(() => sync({ accountId })));
  expect(results).toEqual([{ copied: 300 }, { copied: 300 }, { copied: 300 }]);
  expect((await copiesOf(NORTHWIND)).size).toBe(300);
  expect(system.simulator.auditAccount(NORTHWIND)).toMatchObject({
    redemptions: 1,
    doubleRedemptions: 0,
  });
});

it('stops in time, and goes on from there', async () => {
  await system.connect(HARBOUR);
  system.simulator.settings.clientsPerAccount = 250;
  const accountId = idOf(HARBOUR);
  const { handler } = await import('../../examples/sync-clients.ts');
  const shortly = { getRemainingTimeInMillis: () => 9_000 } as never;

  const first = await handler({ accountId }, shortly);
  expect(first).toEqual({ copied: 100, next: { accountId, after: expect.any(String) } });
  expect(await sync(first.next ?? {})).toEqual({ copied: 150 });
  expect((await copiesOf(HARBOUR)).size).toBe(250);
});

it('fails with the reason if the account is not connected', async () => {
  await expect(sync({ accountId: 'nobody' })).rejects.toThrow('Connect the account first');
});
