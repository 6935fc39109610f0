import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { parseAccountId } from '../../../local/jobber/accounts.ts';
import { simulatorControl } from '../../../local/jobber/control-client.ts';
import type { JobberSimulatorOptions } from '../../../local/jobber/simulator.ts';
import {
  ACCOUNT,
  ACCOUNT_ANSWER,
  ACCOUNT_QUERY,
  graphql,
  INVALID_REFRESH_TOKEN,
  refresh,
  seen,
  simulate,
  UNRECOGNIZED,
} from './support.ts';

async function connected(options: JobberSimulatorOptions = {}) {
  const { jobber, clock } = await simulate(options);
  return { jobber, clock, ...jobber.issueGrant(ACCOUNT) };
}

/** Far quicker than as many calls of `fetch`. */
async function sendPipelined(url: string, accessToken: string, requests: number) {
  const body = JSON.stringify({ query: ACCOUNT_QUERY });
  const request = [
    'POST /api/graphql HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    'X-JOBBER-GRAPHQL-VERSION: 2026-05-12',
    `Authorization: Bearer ${accessToken}`,
    `Content-Length: ${body.length}`,
  ].join('\r\n');
  const last = `${request}\r\nConnection: close\r\n\r\n${body}`;
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(`${request}\r\n\r\n${body}`.repeat(requests - 1) + last);
  const answers = (await socket.setEncoding('utf8').toArray()).join('');
  expect(answers.match(/HTTP\/1.1 200/g)).toHaveLength(requests);
}

test('account { id name } answers the encoded id, the name, the cost and the version', async () => {
  const { jobber, accessToken } = await connected();

  expect(await seen(await graphql(jobber, accessToken))).toEqual({
    status: 200,
    type: 'application/json',
    body: {
      data: ACCOUNT_ANSWER,
      extensions: {
        cost: {
          requestedQueryCost: 3,
          actualQueryCost: 3,
          throttleStatus: {
            maximumAvailable: 10_000,
            currentlyAvailable: 9_997,
            restoreRate: 500,
          },
        },
        versioning: { version: '2026-05-12' },
      },
    },
  });
});

test.each([
  ['{account{id}}', { account: { id: ACCOUNT_ANSWER.account.id } }],
  [
    'query Connection { account { name } } # who is it?',
    { account: { name: 'Maple Street Plumbing' } },
  ],
  [
    'query { it: account { ...Who } } fragment Who on Account { __typename }',
    { it: { __typename: 'Account' } },
  ],
  [
    'query { account { name } clients { totalCount } }',
    {
      account: { name: 'Maple Street Plumbing' },
      clients: { totalCount: 1_000 },
    },
  ],
])('%s is understood', async (query, data) => {
  const { jobber, accessToken } = await connected();
  const { body } = await seen(await graphql(jobber, accessToken, query));
  expect(body.data).toEqual(data);
});

test.each([
  'query { account { id } } query { account { id } }',
  'query { account { id phone } }',
  'query { account { ...Loop } } fragment Loop on Account { ...Loop }',
  'query { account { ...Nowhere } }',
  'query { account }',
  'query { account { id }',
  'mutation { clientCreate { client { id } } }',
  'subscription { account { id } }',
  '',
])('what it does not know is answered with GraphQL errors: %s', async (query) => {
  const { jobber, accessToken } = await connected();

  const { status, body } = await seen(await graphql(jobber, accessToken, query));

  expect(status).toBe(200);
  expect(body.errors).toEqual([{ message: expect.any(String) }]);
  expect(body.data ?? null).toBeNull();
});

test('an access token is not recognized from the second on in which it expires', async () => {
  const { jobber, clock, accessToken } = await connected();
  clock.now += 3600_000 - 1;
  expect((await graphql(jobber, accessToken)).status).toBe(200);
  clock.now += 1;
  expect(await seen(await graphql(jobber, accessToken))).toEqual(UNRECOGNIZED);
});

test('an invented access token is not recognized', async () => {
  const { jobber, accessToken } = await connected();
  expect(await seen(await graphql(jobber, 'invented'))).toEqual(UNRECOGNIZED);
  expect(await seen(await graphql(jobber, `${accessToken}x`))).toEqual(UNRECOGNIZED);
});

test.each([
  [ACCOUNT_QUERY, 'account', 'Query'],
  ['mutation { appDisconnect { app { name } } }', 'appDisconnect', 'Mutation'],
])('without authorization, %s is a 200 that says so', async (query, field, type) => {
  const { jobber } = await simulate();
  expect(await seen(await graphql(jobber, undefined, query))).toEqual({
    status: 200,
    type: 'application/json',
    body: {
      errors: [
        {
          message: `The field ${field} on an object of type ${type} was hidden because you are unauthenticated`,
          extensions: { code: 'UNAUTHENTICATED' },
        },
      ],
      data: { [field]: null },
    },
  });
});

test('after Disconnect in Jobber, GraphQL says so and the refresh token is dead', async () => {
  const { jobber, accessToken, refreshToken } = await connected();

  jobber.disconnect(ACCOUNT);

  expect(await seen(await graphql(jobber, accessToken))).toEqual({
    status: 401,
    type: 'application/json',
    body: {
      message: 'User has disconnected this app from their account. Please delete this token',
    },
  });
  expect(await seen(await refresh(jobber, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
});

test('appDisconnect ends the grant', async () => {
  const { jobber, accessToken, refreshToken } = await connected();
  const mutation = 'mutation { appDisconnect { app { name author } userErrors { message } } }';

  const { body } = await seen(await graphql(jobber, accessToken, mutation));

  expect(body.data.appDisconnect).toEqual({
    app: { name: expect.any(String), author: expect.any(String) },
    userErrors: [],
  });
  expect((await seen(await graphql(jobber, accessToken))).body.message).toContain('disconnected');
  expect(await seen(await refresh(jobber, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
});

test('a mutation that Jobber refuses is a 200 with userErrors', async () => {
  const { jobber, accessToken } = await connected();
  const create = async (input: string) => {
    const fields = '{ client { id name companyName } userErrors { message path } }';
    const mutation = `mutation { clientCreate(input: ${input}) ${fields} }`;
    return seen(await graphql(jobber, accessToken, mutation));
  };

  const refused = await create('{}');
  expect(refused.status).toBe(200);
  expect(refused.body.errors).toBeUndefined();
  expect(refused.body.data.clientCreate).toEqual({
    client: null,
    userErrors: [{ message: expect.any(String), path: ['input', 'firstName'] }],
  });
  expect((await create('{ firstName: "Ann", lastName: "Lee" }')).body.data.clientCreate).toEqual({
    client: { id: expect.any(String), name: 'Ann Lee', companyName: null },
    userErrors: [],
  });
});

test('an inactive account is told so, and its refresh token is dead', async () => {
  const { jobber, accessToken, refreshToken } = await connected();

  jobber.deactivate(ACCOUNT);

  expect((await seen(await graphql(jobber, accessToken))).body).toEqual({
    error: { message: 'This account is not active' },
  });
  expect(await seen(await refresh(jobber, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
});

test('a field without its scope is hidden', async () => {
  const { jobber, accessToken } = await connected();
  const query = 'query { account { id } jobs(first: 5) { nodes { id } } }';

  const { status, body } = await seen(await graphql(jobber, accessToken, query));

  expect(status).toBe(200);
  expect(body).toMatchObject({
    data: null,
    errors: [
      { message: 'The field jobs on an object of type Query was hidden due to permissions' },
    ],
  });
});

test('a query that is dearer than the maximum never runs', async () => {
  const { jobber, accessToken } = await connected();
  const query =
    'query Jobs($n: Int!) { jobs(first: $n) { totalCount nodes { visits(first: 100) { nodes { id } } } } }';

  const answer = await graphql(jobber, accessToken, query, { variables: { n: 100 } });

  expect(await seen(answer)).toEqual({
    status: 200,
    type: 'application/json',
    body: {
      errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }],
      extensions: {
        cost: {
          requestedQueryCost: 10_001,
          actualQueryCost: 0,
          throttleStatus: {
            maximumAvailable: 10_000,
            currentlyAvailable: 10_000,
            restoreRate: 500,
          },
        },
        versioning: { version: '2026-05-12' },
      },
    },
  });
});

test.each([
  ['quote(id: "MTc1") { id cost title client { id firstName } }', 7],
  ['quotes(first: 10) { edges { node { id cost quoteNumber quoteStatus title } } }', 50],
  ['quotes { edges { node { id cost quoteNumber quoteStatus title } } }', 500],
  [
    'clients(first: 5) { nodes { id tags(last: 3) { nodes { label } } } pageInfo { endCursor } }',
    22,
  ],
])('as Jobber documents it, { %s } costs %i', async (fields, cost) => {
  const { jobber, accessToken } = await connected();
  const { body } = await seen(await graphql(jobber, accessToken, `query { ${fields} }`));
  expect(body.extensions.cost.requestedQueryCost).toBe(cost);
});

test('all clients come in pages, each once and always the same', async () => {
  const { jobber, accessToken } = await connected({ clientsPerAccount: 250 });
  const query = `query Page($after: String) {
    clients(after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } totalCount }
  }`;
  const pages = [];
  let after: string | null = null;
  do {
    const { body } = await seen(
      await graphql(jobber, accessToken, query, { variables: { after } }),
    );
    pages.push(body.data.clients);
    after = body.data.clients.pageInfo.endCursor;
  } while (pages.at(-1).pageInfo.hasNextPage);

  expect(pages.map(({ nodes }) => nodes.length)).toEqual([100, 100, 50]);
  expect(new Set(pages.flatMap(({ nodes }) => nodes).map(({ id }) => id)).size).toBe(250);
  expect(pages[0].totalCount).toBe(250);
  const again = await seen(await graphql(jobber, accessToken, query));
  expect(again.body.data.clients).toEqual(pages[0]);
});

test('an account without clients, and one whose cursor is invented', async () => {
  const { jobber, accessToken } = await connected({ clientsPerAccount: 0 });
  const page = '{ nodes { id } pageInfo { hasNextPage endCursor } }';

  const none = await seen(await graphql(jobber, accessToken, `{ clients ${page} }`));
  expect(none.body.data.clients).toEqual({
    nodes: [],
    pageInfo: { hasNextPage: false, endCursor: null },
  });
  const invented = await seen(
    await graphql(jobber, accessToken, `{ clients(after: "here") ${page} }`),
  );
  expect(invented.body).toMatchObject({ data: null, errors: [{ message: "'here' is no cursor" }] });
});

test('a throttled query runs once enough is restored', async () => {
  const { jobber, clock, accessToken } = await connected();
  const run = async () => {
    const { body } = await seen(
      await graphql(jobber, accessToken, 'query { jobs(first: 6000) { nodes { id } } }'),
    );
    return body.errors[0].message === 'Throttled' ? body.extensions.cost : 'run';
  };

  expect(await run()).toBe('run');
  expect((await run()).throttleStatus.currentlyAvailable).toBe(4_000);
  clock.now += 3_999;
  expect(await run()).not.toBe('run');
  clock.now += 1;
  expect(await run()).toBe('run');
});

test('more than 2,500 requests in five minutes are too many for this account, without Retry-After', async () => {
  const { jobber, clock, accessToken } = await connected();
  await sendPipelined(jobber.url, accessToken, 2_499);

  expect((await graphql(jobber, accessToken)).status).toBe(200);
  const answer = await graphql(jobber, accessToken);

  expect(answer.status).toBe(429);
  expect(answer.headers.get('retry-after')).toBeNull();
  expect((await graphql(jobber, jobber.issueGrant(518027).accessToken)).status).toBe(200);
  clock.now += 300_000;
  expect((await graphql(jobber, accessToken)).status).toBe(200);
});

test('the limits can be switched off', async () => {
  const { jobber, accessToken } = await connected({ graphqlLimits: 'off' });
  await sendPipelined(jobber.url, accessToken, 2_500);

  const { status, body } = await seen(
    await graphql(jobber, accessToken, 'query { jobs(first: 99999) { nodes { id } } }'),
  );

  expect(status).toBe(200);
  expect(body.errors[0].message).toContain('hidden due to permissions');
});

test('an unknown version does not exist', async () => {
  const { jobber, accessToken } = await connected();
  const headers = { 'X-JOBBER-GRAPHQL-VERSION': '2019-01-01' };

  expect(await seen(await graphql(jobber, accessToken, ACCOUNT_QUERY, { headers }))).toEqual({
    status: 404,
    type: 'application/json',
    body: { message: "GraphQL API version '2019-01-01' does not exist" },
  });
});

const MORE = 'https://developer.getjobber.com/docs/using_jobbers_api/api_versioning';

test.each([
  ['a supported version answers without a warning', '2026-05-12', { version: '2026-05-12' }],
  [
    'a version about to end warns with the date of its end',
    '2025-04-16',
    {
      version: '2025-04-16',
      warning:
        'Support for API version 2025-04-16 is scheduled to stop on April 16, 2026. ' +
        `Upgrade to the latest version 2026-05-12 before that date. For more information: ${MORE}`,
    },
  ],
  [
    'an unsupported version warns that it may go at any time',
    '2025-01-20',
    {
      version: '2025-01-20',
      warning:
        'API Version 2025-01-20 is no longer supported, and will be removed at any time without warning. ' +
        'Upgrade to the latest API version 2026-05-12 to ensure your app continues to function. ' +
        `For more information: ${MORE}`,
    },
  ],
  [
    'a removed version is upgraded to the oldest supported one',
    '2023-11-15',
    expect.objectContaining({ version: '2025-04-16' }),
  ],
])('%s', async (_, version, versioning) => {
  const { jobber, accessToken } = await connected();
  const headers = { 'X-JOBBER-GRAPHQL-VERSION': version };

  const { status, body } = await seen(
    await graphql(jobber, accessToken, ACCOUNT_QUERY, { headers }),
  );

  expect(status).toBe(200);
  expect(body.data).toEqual(ACCOUNT_ANSWER);
  expect(body.extensions.versioning).toEqual(versioning);
});

test('the versions can be changed while it runs, from another process too', async () => {
  const { jobber, accessToken } = await connected();
  const versionOf = async () =>
    (await seen(await graphql(jobber, accessToken))).body.extensions.versioning.version;

  jobber.settings.apiVersions = { '2026-05-12': 'removed', '2026-11-01': 'supported' };
  expect(await versionOf()).toBe('2026-11-01');

  await simulatorControl(jobber.url).changeSettings({
    apiVersions: { '2026-05-12': 'supported', '2026-11-01': 'supported' },
  });
  expect(await versionOf()).toBe('2026-05-12');

  jobber.settings.apiVersions = { '2026-11-01': 'supported' };
  expect((await graphql(jobber, accessToken)).status).toBe(404);
});

test.each([
  ['the version header is missing', { 'Content-Type': 'application/json' }, '{"query":"{a}"}'],
  [
    'the content type is another',
    { 'Content-Type': 'text/plain', 'X-JOBBER-GRAPHQL-VERSION': '2026-05-12' },
    '{"query":"{a}"}',
  ],
  [
    'the body holds no query',
    { 'Content-Type': 'application/json', 'X-JOBBER-GRAPHQL-VERSION': '2026-05-12' },
    '{}',
  ],
  [
    'the body is no JSON',
    { 'Content-Type': 'application/json', 'X-JOBBER-GRAPHQL-VERSION': '2026-05-12' },
    '{',
  ],
])('a request is bad if %s', async (_, headers, body) => {
  const { jobber } = await simulate();
  const response = await fetch(`${jobber.url}/api/graphql`, { method: 'POST', headers, body });
  expect(response.status).toBe(400);
});

test('account ids are read in every encoding', () => {
  const ids = [430114, '430114', ACCOUNT_ANSWER.account.id, btoa('430114'), 'MQ==', 'nobody', ''];
  expect(ids.map(parseAccountId)).toEqual([
    430114,
    430114,
    430114,
    430114,
    1,
    undefined,
    undefined,
  ]);
});
