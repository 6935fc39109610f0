import { tracingChannel } from 'node:diagnostics_channel';
import type { AddressInfo, Server } from 'node:net';
import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';

const listening: Server[] = [];
const heard = {
  asyncEnd: (message: object) => void listening.push((message as { server: Server }).server),
};
const channel = tracingChannel('net.server.listen');

let system: TestSystem;
beforeAll(async () => {
  channel.subscribe(heard as never);
  system = await testSystem();
  await system.connect(MAPLE);
});
afterAll(async () => {
  channel.unsubscribe(heard as never);
  await system.close();
});

const addresses = () => listening.map((server) => server.address() as AddressInfo);
/** Those that IPv4 reaches; each has one at the same port of `::1`, where there is IPv6. */
const ipv4 = () => addresses().filter(({ address }) => address === '127.0.0.1');

it('listens on the loopback addresses with every server of the local system', () => {
  // The pages, Jobber, AWS's other services, the table, what records its writes, and the queues.
  expect(ipv4()).toHaveLength(6);
  for (const address of addresses()) expect(['127.0.0.1', '::1']).toContain(address.address);
});

const invocation = {
  path: '/2015-03-31/functions/get-token/invocations',
  headers: {},
  body: () => JSON.stringify({ accountId: idOf(MAPLE) }),
};
const operation = (version: string, target: string, request: object) => ({
  path: '/',
  headers: { 'content-type': `application/x-amz-json-${version}`, 'x-amz-target': target },
  body: () => JSON.stringify(request),
});
const requests = {
  'the client secret': operation('1.1', 'secretsmanager.GetSecretValue', {
    SecretId: 'jobber-app',
  }),
  'the sealing key': operation('1.1', 'secretsmanager.GetSecretValue', {
    SecretId: 'jobber-tokens-sealing',
  }),
  'an event': operation('1.1', 'AWSEvents.PutEvents', { Entries: [] }),
  'a token': invocation,
  'the tables': operation('1.0', 'DynamoDB_20120810.ListTables', {}),
  'the connections': operation('1.0', 'DynamoDB_20120810.Scan', {
    TableName: 'jobber-connections',
  }),
  'the queues': operation('1.0', 'AmazonSQS.ListQueues', {}),
};

const signedBy = (accessKeyId: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20261124/us-east-1/x/aws4_request, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
  'x-amz-date': '20261124T120000Z',
});
const ownKey = () => system.environment['AWS_ACCESS_KEY_ID'] ?? '';

/** What the servers answer that stand for AWS; they do not let on which of them has what is asked for. */
async function answers(
  { path, headers, body }: (typeof requests)['a token'],
  more: Readonly<Record<string, string>>,
  method = 'POST',
): Promise<(number | undefined)[]> {
  const others = [system.url, system.jobberUrl].map((url) => Number(new URL(url).port));
  const ports = ipv4().flatMap(({ port }) => (others.includes(port) ? [] : [port]));
  const asked = ports.map((port) => {
    const host = { host: `127.0.0.1:${port}` };
    return ask(`http://${host.host}${path}`, method, { ...host, ...headers, ...more }, body());
  });
  return (await Promise.all(asked)).map(({ status }) => status);
}

const REFUSED = [403, 403, 403, 403];

describe.each(Object.entries(requests))('%s', (_, wanted) => {
  it('is given to no program without credentials', async () => {
    expect(await answers(wanted, {})).toEqual(REFUSED);
  });

  it.each([
    ['credentials that anybody could guess', 'local'],
    ['an empty access key', ''],
    ['the beginning of the access key', () => ownKey().slice(0, -1)],
    ['the access key and more', () => `${ownKey()}0`],
  ])('is given to no program with %s', async (_, accessKeyId) => {
    const key = typeof accessKeyId === 'string' ? accessKeyId : accessKeyId();
    expect(await answers(wanted, signedBy(key))).toEqual(REFUSED);
  });

  it.each([
    ['a page, though it has the credentials', { origin: 'https://example.com' }],
    ['a sandboxed frame, though it has the credentials', { origin: 'null' }],
    ['a foreign host name, though it has the credentials', { host: 'example.com' }],
  ])('is not given to %s', async (_, headers) => {
    expect(await answers(wanted, { ...signedBy(ownKey()), ...headers })).toEqual(REFUSED);
  });

  it('is asked for by POST alone', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      expect(await answers(wanted, signedBy(ownKey()), method)).toEqual([405, 405, 405, 405]);
    }
  });
});

describe('the credentials of a start', () => {
  it('let an AWS SDK use the tables, the queues and the functions', async () => {
    const environment = system.environment;
    const lambda = new LambdaClient({ endpoint: system.awsUrl });
    const { Payload } = await lambda.send(
      new InvokeCommand({ FunctionName: 'get-token', Payload: invocation.body() }),
    );
    expect(JSON.parse(new TextDecoder().decode(Payload))).toMatchObject({ ok: true });
    const sqs = new SQSClient({ endpoint: environment['AWS_ENDPOINT_URL_SQS'] ?? '' });
    expect((await sqs.send(new ListQueuesCommand())).QueueUrls).toHaveLength(4);
    expect((await system.db.send(new ListTablesCommand())).TableNames).toContain(
      'jobber-connections',
    );
  });

  it('are asked of a program that uses those of an earlier start', async () => {
    const credentials = { accessKeyId: 'earlier', secretAccessKey: 'earlier' };
    const lambda = new LambdaClient({ endpoint: system.awsUrl, credentials });
    await expect(
      lambda.send(new InvokeCommand({ FunctionName: 'get-token' })),
    ).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
      message: expect.stringContaining('Source the file'),
    });
  });
});
