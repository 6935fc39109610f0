import { createServer } from 'node:http';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, expect, it } from 'vitest';
import { close, listen } from '../../../local/listen.ts';
import { dynamoDb } from '../../../shared/runtime/dynamodb.ts';

const server = createServer((_, response) => {
  requests++;
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).write('{"Item":');
});
let requests = 0;
afterEach(() => close(server));

it('an answer that stops after its headers is given up, and asked for again', async () => {
  process.env['AWS_ENDPOINT_URL_DYNAMODB'] = `http://127.0.0.1:${await listen(server, 0)}`;
  const reading = dynamoDb().send(new GetCommand({ TableName: 't', Key: { accountId: 'a' } }));
  await expect(reading).rejects.toThrow();
  expect(requests).toBe(3);
});
