import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { QueryOptions } from '../../../shared/client/jobber-client.ts';
import { GRACE } from '../../../shared/tokens/budgets.ts';
import { accountId, clientSystem, MAPLE } from '../../support/client-system.ts';

type System = Awaited<ReturnType<typeof clientSystem>>;

const ACCOUNT = 'query Who { account { id name } }';
const ANSWER = { account: { id: accountId, name: 'Maple Street Plumbing' } };
const DISCONNECT = 'mutation { appDisconnect { app { name } } }';
/** Costs 9,000 of 10,000 points. */
const DEAR = 'query { clients(first: 100) { nodes { tags(first: 90) { nodes { id } } } } }';

const ask = async (system: System, query = ACCOUNT, options?: QueryOptions) =>
  (await system.client.execute(accountId, query, {}, options)).data;

const asMany = (times: number) => ({ path: 'graphql', times }) as const;

describe('what Jobber’s app review looks at', () => {
  it('every request names the API version, in X-JOBBER-GRAPHQL-VERSION', async () => {
    const system = await clientSystem();
    await ask(system);
    const headers = system.graphqlRequests().map(([, init]) => init?.headers);
    expect(headers).toEqual([
      expect.objectContaining({ 'x-jobber-graphql-version': '2026-05-12' }),
    ]);
  });

  it('an expired access token is refreshed, and the request repeated', async () => {
    const system = await clientSystem();
    await ask(system);
    system.jobber.expireAccessTokens();
    expect(await ask(system)).toEqual(ANSWER);
    expect(system.redemptions()).toBe(1);
    expect(system.graphqlRequests()).toHaveLength(3);
  });

  it('a throttled query waits until its cost is restored, as Jobber’s arithmetic says', async () => {
    const system = await clientSystem();
    await ask(system, DEAR);
    system.clock.slept.length = 0;
    await ask(system, DEAR);
    // 8,000 points are missing, and 500 come back a second.
    expect(system.clock.slept).toHaveLength(1);
    expect(system.clock.slept[0]).toBeGreaterThanOrEqual(16_000);
    expect(system.clock.slept[0]).toBeLessThan(16_100);
  });

  it('a query that costs more than an account ever has is refused at once', async () => {
    const system = await clientSystem();
    const query = 'query { clients { nodes { tags { nodes { id label } } } } }';
    await expect(ask(system, query)).rejects.toMatchObject({
      code: 'query_too_expensive',
      retryable: false,
      requestedQueryCost: 20_000,
      maximumAvailable: 10_000,
    });
    expect(system.graphqlRequests()).toHaveLength(1);
    expect(system.clock.slept).toEqual([]);
  });

  it('over 2,500 requests in five minutes, it waits as Retry-After says', async () => {
    const system = await clientSystem();
    system.jobber.faults.push({ kind: 'status', status: 429, retryAfter: 17, path: 'graphql' });
    expect(await ask(system)).toEqual(ANSWER);
    expect(system.clock.slept).toEqual([17_000]);
  });

  it('after a disconnect in Jobber it stops calling, and the connection has ended', async () => {
    const system = await clientSystem();
    await ask(system);
    system.jobber.disconnect(MAPLE);
    await expect(ask(system)).rejects.toMatchObject({ code: 'app_disconnected', retryable: false });
    // One refusal is not a verdict yet.
    expect(await system.status()).toBe('active');
    system.clock.advance(GRACE + 60_000);
    await expect(ask(system)).rejects.toMatchObject({ code: 'app_disconnected' });
    expect(await system.status()).toBe('reconnect_required/revoked');

    const calls = system.graphqlRequests().length;
    await expect(ask(system)).rejects.toMatchObject({ code: 'reconnect_required' });
    expect(system.graphqlRequests()).toHaveLength(calls);
  });

  it('an account that is not active counts as disconnected', async () => {
    const system = await clientSystem();
    await ask(system);
    system.jobber.deactivate(MAPLE);
    await expect(ask(system)).rejects.toMatchObject({ code: 'account_inactive', retryable: false });
    expect(await system.status()).toBe('active');
    system.clock.advance(GRACE + 60_000);
    await expect(ask(system)).rejects.toMatchObject({ code: 'account_inactive' });
    expect(await system.status()).toBe('reconnect_required/revoked');
  });

  it('a missing scope is an error that says so, not a refresh', async () => {
    const system = await clientSystem();
    await expect(ask(system, 'query { jobs(first: 1) { nodes { id } } }')).rejects.toMatchObject({
      code: 'graphql_errors',
      message: 'The field jobs on an object of type Query was hidden due to permissions',
      data: null,
    });
    expect(system.redemptions()).toBe(0);
  });

  it('a warning about the API version is given once', async () => {
    const system = await clientSystem();
    const old = system.startContainer('2025-04-16');
    await old.execute(accountId, ACCOUNT, {});
    await old.execute(accountId, ACCOUNT, {});
    expect(system.warnings).toEqual([
      expect.stringContaining('2025-04-16 is scheduled to stop on April 16, 2026'),
    ]);
  });

  it('an answer by another API version than the one sent is reported once', async () => {
    const system = await clientSystem();
    system.jobber.settings.apiVersions = { '2024-06-10': 'removed', '2026-05-12': 'supported' };
    const old = system.startContainer('2024-06-10');
    await old.execute(accountId, ACCOUNT, {});
    await expect(old.execute(accountId, '{ gone }', {})).rejects.toThrow('gone');
    expect(system.warnings).toEqual([
      expect.stringContaining('2026-05-12, though 2024-06-10 was sent'),
    ]);
  });

  it('an answer by the API version that was sent is not reported', async () => {
    const system = await clientSystem();
    await ask(system);
    expect(system.warnings).toEqual([]);
  });
});

describe('a rejected access token', () => {
  it('is reported to get-token, and a second rejection is an error', async () => {
    const system = await clientSystem();
    system.jobber.faults.push({ kind: 'status', status: 401, ...asMany(2) });
    await expect(ask(system)).rejects.toMatchObject({
      code: 'second_token_rejected',
      retryable: false,
    });
    expect(system.invocations).toEqual([
      { accountId },
      { accountId, rejectedToken: expect.any(String) },
    ]);
    expect(system.graphqlRequests()).toHaveLength(2);
    expect(system.redemptions()).toBe(1);
  });

  it.each([
    ['a 200 that does not recognize it', '{"message":"Token not recognized"}'],
    [
      'a 200 with UNAUTHENTICATED',
      '{"errors":[{"message":"hidden","extensions":{"code":"UNAUTHENTICATED"}}],"data":{"account":null}}',
    ],
  ])('may also be %s', async (_, body) => {
    const system = await clientSystem();
    system.jobber.faults.push({ kind: 'status', status: 200, body, ...asMany(1) });
    expect(await ask(system)).toEqual(ANSWER);
    expect(system.redemptions()).toBe(1);
  });

  it('costs one refresh and one invocation for all who use it at once', async () => {
    const system = await clientSystem();
    await ask(system);
    system.jobber.expireAccessTokens();
    await Promise.all(Array.from({ length: 20 }, () => ask(system)));
    expect(system.redemptions()).toBe(1);
    expect(system.invocations.filter(({ rejectedToken }) => rejectedToken)).toHaveLength(1);
  });

  it('that another container has replaced already costs no refresh', async () => {
    const system = await clientSystem();
    const other = system.startContainer();
    await ask(system);
    await other.execute(accountId, ACCOUNT, {});
    system.jobber.expireAccessTokens();
    await other.execute(accountId, ACCOUNT, {});
    expect(await ask(system)).toEqual(ANSWER);
    expect(system.redemptions()).toBe(1);
  });

  it('of a grant that ended works on after a reconnect, even if Jobber said disconnected', async () => {
    const system = await clientSystem();
    await ask(system);
    system.jobber.disconnect(MAPLE);
    await system.connect();
    expect(await ask(system)).toEqual(ANSWER);
    expect(await system.status()).toBe('active');
  });

  it('and a get-token that does not know yet: Jobber’s word goes to the caller, the reason with it', async () => {
    const system = await clientSystem();
    await ask(system);
    system.jobber.disconnect(MAPLE);
    system.jobber.faults.push({ kind: 'status', status: 503, path: 'token', times: null });
    const error = await ask(system).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      code: 'app_disconnected',
      cause: { code: 'refresh_outcome_unknown' },
    });
    expect(await system.status()).toBe('active');
  });

  it('is in no error, even if Jobber repeats it', async () => {
    const system = await clientSystem();
    const { accessToken } = await system.client.tokens.get(accountId);
    const body = JSON.stringify({ message: `bad token ${accessToken}` });
    system.jobber.faults.push({ kind: 'status', status: 400, body, ...asMany(1) });
    await expect(ask(system)).rejects.toMatchObject({
      code: 'request_refused',
      status: 400,
      message: 'Jobber refused the request (HTTP 400): bad token ….',
    });
  });

  it('leads to get-token’s own error where there is no other token', async () => {
    const system = await clientSystem();
    system.jobber.rollClientSecret('another');
    system.jobber.faults.push({ kind: 'status', status: 401, ...asMany(1) });
    await expect(ask(system)).rejects.toMatchObject({
      name: 'NoAccessTokenError',
      code: 'client_rejected',
      retryable: true,
    });
  });
});

describe('the userErrors of a mutation', () => {
  const REFUSED = {
    appDisconnect: {
      app: null,
      userErrors: [{ message: 'No', path: ['app'] }, { message: 'Not now' }],
    },
    other: { userErrors: [] },
  };
  const answer = (system: System, data: unknown) => {
    const body = JSON.stringify({ data });
    system.jobber.faults.push({ kind: 'status', status: 200, body, ...asMany(1) });
  };

  it('are a typed error that keeps them and the data', async () => {
    const system = await clientSystem();
    answer(system, REFUSED);
    await expect(ask(system, DISCONNECT)).rejects.toMatchObject({
      name: 'MutationRefusedError',
      code: 'mutation_refused',
      retryable: false,
      message: 'Jobber refused the mutation: No (and 1 more).',
      userErrors: [
        { message: 'No', path: ['app'] },
        { message: 'Not now', path: [] },
      ],
      data: REFUSED,
    });
    expect(system.graphqlRequests()).toHaveLength(1);
  });

  it('are found in every payload, whatever their form', async () => {
    const system = await clientSystem();
    answer(system, {
      one: { userErrors: [] },
      two: { userErrors: [7, { path: ['a', 0] }] },
      none: null,
      text: 'x',
    });
    await expect(ask(system, DISCONNECT)).rejects.toMatchObject({
      userErrors: [
        { message: 'no message', path: [] },
        { message: 'no message', path: ['a', '0'] },
      ],
    });
  });

  it('are no error where there are none', async () => {
    const system = await clientSystem();
    const mutation = 'mutation { appDisconnect { app { name } userErrors { message path } } }';
    expect(await ask(system, mutation)).toMatchObject({ appDisconnect: { userErrors: [] } });
  });

  it('are data where a query asked for them', async () => {
    const system = await clientSystem();
    answer(system, REFUSED);
    expect(await ask(system)).toEqual(REFUSED);
  });
});

describe('waiting', () => {
  it('goes on for as long as Jobber throttles, within 30 s', async () => {
    const system = await clientSystem();
    const throttled = { kind: 'throttled', requested: 3_000 } as const;
    system.jobber.faults.push({ ...throttled, available: 0 }, { ...throttled, available: 2_000 });
    expect(await ask(system)).toEqual(ANSWER);
    expect(system.clock.slept.map((ms) => Math.floor(ms / 1_000))).toEqual([6, 2]);

    system.jobber.faults.push({ ...throttled, available: 0, times: 9 });
    const started = system.clock.now();
    await expect(ask(system)).rejects.toMatchObject({ code: 'throttled', retryAfterSeconds: 7 });
    expect(system.clock.now() - started).toBeLessThan(30_000);
  });

  it('is not cut short by a token that took long', async () => {
    const system = await clientSystem();
    const { getAccessToken } = system.helper;
    system.helper.getAccessToken = (...request) => {
      system.clock.advance(31_000);
      return getAccessToken(...request);
    };
    system.jobber.faults.push({ kind: 'throttled', requested: 3_000, available: 0 });
    expect(await ask(system)).toEqual(ANSWER);
    expect(system.clock.slept).toHaveLength(1);
  });

  it('does not begin if Retry-After is later than the caller is served', async () => {
    const system = await clientSystem();
    system.jobber.faults.push({ kind: 'status', status: 429, retryAfter: 300, ...asMany(1) });
    await expect(ask(system)).rejects.toMatchObject({
      code: 'too_many_requests',
      retryable: true,
      retryAfterSeconds: 300,
    });
    expect(system.clock.slept).toEqual([]);
  });

  it('backs off where Jobber does not say for how long', async () => {
    const system = await clientSystem();
    system.jobber.faults.push({ kind: 'status', status: 429, ...asMany(3) });
    expect(await ask(system)).toEqual(ANSWER);
    const [first = 0, second = 0, third = 0] = system.clock.slept;
    expect(first).toBeGreaterThanOrEqual(500);
    expect(second).toBeGreaterThanOrEqual(1_000);
    expect(third).toBeGreaterThanOrEqual(2_000);
  });

  it('ends with the caller’s signal, whose reason it throws', async () => {
    const system = await clientSystem();
    const stop = new AbortController();
    system.jobber.faults.push({ kind: 'latency', ms: 60_000, ...asMany(1) });
    const asked = ask(system, ACCOUNT, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error('the time is up')), 20);
    await expect(asked).rejects.toThrow('the time is up');
    await expect(ask(system, ACCOUNT, { signal: stop.signal })).rejects.toThrow('the time is up');
  });
});

it('a signal ends a wait that has begun', async () => {
  const system = await clientSystem();
  const stop = new AbortController();
  system.clock.sleep = () => {
    stop.abort(new Error('the time is up'));
    return new Promise(() => {});
  };
  system.jobber.faults.push({ kind: 'status', status: 429, ...asMany(1) });
  await expect(ask(system, ACCOUNT, { signal: stop.signal })).rejects.toThrow('the time is up');
});

it('an answer may be large', async () => {
  const system = await clientSystem();
  const page = 'clients { nodes { id name emails { address } createdAt updatedAt } }';
  const query = `{ ${Array.from({ length: 15 }, (_, index) => `c${index}: ${page}`).join(' ')} }`;
  expect(JSON.stringify(await ask(system, query)).length).toBeGreaterThan(256 * 1024);
});

describe('answers that are no answers', () => {
  it.each([
    ['a page with 200', { kind: 'html-200' }],
    ['a page with 503', { kind: 'status', status: 503, html: true }],
    ['a page with 403', { kind: 'status', status: 403, html: true }],
    ['prose with 500', { kind: 'status', status: 500 }],
    ['unavailable in JSON', { kind: 'status', status: 503 }],
    [
      'unavailable with 200',
      { kind: 'status', status: 200, body: '{"message":"Service temporarily unavailable"}' },
    ],
    ['JSON that is no object', { kind: 'status', status: 200, body: '[]' }],
    ['nothing in data', { kind: 'status', status: 200, body: '{"data":null}' }],
    ['a redirect', { kind: 'redirect' }],
    ['half a body', { kind: 'truncate' }],
    ['a connection that breaks', { kind: 'drop-before' }],
  ] as const)('%s: a query is repeated, and if it goes on, typed', async (_, fault) => {
    const system = await clientSystem();
    system.jobber.faults.push({ ...fault, ...asMany(2) });
    expect(await ask(system)).toEqual(ANSWER);
    system.jobber.faults.push({ ...fault, path: 'graphql', times: null });
    await expect(ask(system)).rejects.toMatchObject({
      code: 'jobber_unavailable',
      retryable: true,
    });
    expect(await system.status()).toBe('active');
  });

  it('a mutation that may have been executed is not repeated', async () => {
    const system = await clientSystem();
    system.jobber.faults.push({ kind: 'drop-after', ...asMany(1) });
    await expect(ask(system, DISCONNECT)).rejects.toMatchObject({
      code: 'jobber_unavailable',
      maybeExecuted: true,
    });
    expect(system.graphqlRequests()).toHaveLength(1);
  });

  it('a mutation that was throttled, or never sent, is', async () => {
    const system = await clientSystem();
    system.jobber.faults.push({ kind: 'status', status: 429, ...asMany(1) });
    expect(await ask(system, DISCONNECT)).toMatchObject({ appDisconnect: expect.anything() });
  });

  it('an unknown version is refused, in Jobber’s words', async () => {
    const system = await clientSystem();
    const client = system.startContainer('2019-01-01');
    await expect(client.execute(accountId, ACCOUNT, {})).rejects.toMatchObject({
      code: 'request_refused',
      status: 404,
      message: expect.stringContaining("GraphQL API version '2019-01-01' does not exist"),
    });
  });

  it('partial data stays with its errors', async () => {
    const system = await clientSystem();
    const body = '{"data":{"account":{"id":"MQ=="},"x":null},"errors":[{"message":"one"},{},7]}';
    system.jobber.faults.push({ kind: 'status', status: 200, body, ...asMany(1) });
    await expect(ask(system)).rejects.toMatchObject({
      code: 'graphql_errors',
      message: 'one (and 2 more)',
      data: { account: { id: 'MQ==' }, x: null },
      errors: [{ message: 'one' }, { message: 'no message' }, { message: 'no message' }],
    });
  });
});

it.each([
  ['as codegen writes and gql parses them', parse(ACCOUNT)],
  ['as codegen writes them as strings', Object(ACCOUNT)],
])('takes documents %s', async (_, document) => {
  const system = await clientSystem();
  expect((await system.client.execute(accountId, document, {})).data).toEqual(ANSWER);
});

it('of several operations, the named one is executed', async () => {
  const system = await clientSystem();
  const query = 'query Id { account { id } } query Name { account { name } }';
  expect(await ask(system, query, { operationName: 'Name' })).toEqual({
    account: { name: ANSWER.account.name },
  });
});
