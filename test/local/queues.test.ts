import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GetQueueAttributesCommand,
  type QueueAttributeName,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type QueueName, queues } from '../../functions/manifest.ts';
import { newCredentials } from '../../local/aws/credentials.ts';
import { type LocalQueues, startQueues } from '../../local/aws/queues.ts';
import { startSqs } from '../../local/aws/sqs.ts';

const credentials = newCredentials();
const POLL = { timeout: 5_000 };
let folder: string;
let started: LocalQueues[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-test-'));
  started = [];
});
afterEach(async () => {
  for (const each of started) await each.close();
  rmSync(folder, { recursive: true });
});

async function start(): Promise<LocalQueues> {
  const queues = await startQueues(credentials, folder);
  started.push(queues);
  return queues;
}

async function stop(queues: LocalQueues): Promise<void> {
  started = started.filter((each) => each !== queues);
  await queues.close();
}

async function send({ endpoint, urls }: LocalQueues, name: QueueName, MessageBody: string) {
  const client = new SQSClient({ endpoint, credentials });
  await client.send(new SendMessageCommand({ QueueUrl: urls[name], MessageBody }));
  client.destroy();
}

async function attribute(
  { endpoint, urls }: LocalQueues,
  name: QueueName,
  attribute: QueueAttributeName,
): Promise<string | undefined> {
  const client = new SQSClient({ endpoint, credentials });
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: urls[name], AttributeNames: [attribute] }),
  );
  client.destroy();
  return Attributes?.[attribute];
}

/** The bodies that a consumer is given from now on. */
function delivered(queues: LocalQueues): Record<string, string[]> {
  const bodies: Record<string, string[]> = {};
  queues.deliverTo(async (name, event) => {
    bodies[name] = (bodies[name] ?? []).concat((event as SQSEvent).Records.map(({ body }) => body));
    return { batchItemFailures: [] };
  });
  return bodies;
}

it.each(['escrow', 'refresh'] as const)(
  'delivers a message of the %s queue that was sent before a restart, once',
  async (name) => {
    const first = await start();
    await send(first, name, 'sealed');
    await stop(first);

    const second = await start();
    const bodies = delivered(second);
    await expect.poll(() => bodies, POLL).toEqual({ [queues[name].consumer]: ['sealed'] });
    await stop(second);

    expect(await attribute(await start(), name, 'ApproximateNumberOfMessages')).toBe('0');
  },
);

it('gives a queue of an earlier version the attributes of this one', async () => {
  const earlier = await startSqs(credentials, folder);
  earlier.createQueue('escrow', { attributes: { VisibilityTimeout: '7' } });
  await earlier.stop();

  const now = await start();
  expect(await attribute(now, 'escrow', 'VisibilityTimeout')).toBe('10');
  expect(await attribute(now, 'escrow', 'RedrivePolicy')).toContain('escrow-dead-letters');
});
