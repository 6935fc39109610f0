import { PurgeQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { credentialsOfProcess } from '../../../local/aws/credentials.ts';
import { type LocalSqs, startSqs } from '../../../local/aws/sqs.ts';
import { sendBatches } from '../../../shared/runtime/queue.ts';

describe('sending in batches', () => {
  let server: LocalSqs;
  let client: SQSClient;
  let url: string;
  let refuse: (index: number) => boolean;
  let requests: number;

  beforeAll(async () => {
    server = await startSqs(credentialsOfProcess());
    const endpoint = `http://127.0.0.1:${server.port}`;
    url = `${endpoint}${new URL(server.createQueue('queue').queueUrl).pathname}`;
    client = new SQSClient({ endpoint });
    client.middlewareStack.add(
      (next, context) => async (args) => {
        if (context['commandName'] !== 'SendMessageBatchCommand') return next(args);
        const input = args.input as { Entries: { Id: string }[] };
        const refused = input.Entries.filter((_, index) => refuse(index + 10 * requests));
        requests++;
        const accepted = input.Entries.filter((entry) => !refused.includes(entry));
        Object.assign(args.input, { Entries: accepted });
        const Failed = refused.map(({ Id }) => ({ Id, SenderFault: false, Code: 'InternalError' }));
        if (accepted.length === 0) return { output: { $metadata: {}, Failed }, response: {} };
        const result = await next(args);
        Object.assign(result.output as object, { Failed });
        return result;
      },
      { step: 'initialize' },
    );
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    requests = 0;
    refuse = () => false;
    await client.send(new PurgeQueueCommand({ QueueUrl: url }));
  });

  const messages = Array.from({ length: 25 }, (_, id) => ({ group: `g${id}`, body: { id } }));

  async function received(): Promise<number[]> {
    const ids: number[] = [];
    for (;;) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }),
      );
      if (Messages.length === 0) return ids.sort((a, b) => a - b);
      ids.push(...Messages.map(({ Body = '' }) => JSON.parse(Body).id));
    }
  }

  it('sends 25 messages with 3 requests', async () => {
    expect(await sendBatches({ client, url }, messages)).toEqual({ accepted: 25, failed: 0 });
    expect(requests).toBe(3);
    expect(await received()).toEqual(messages.map(({ body }) => body.id));
  });

  it('sends again what the queue did not take, and only that', async () => {
    refuse = (index) => index === 3 || index === 10;
    expect(await sendBatches({ client, url }, messages)).toEqual({ accepted: 25, failed: 0 });
    expect(await received()).toEqual(messages.map(({ body }) => body.id));
  });

  it('says how many it could not send', async () => {
    refuse = () => true;
    expect(await sendBatches({ client, url }, messages)).toEqual({ accepted: 0, failed: 25 });
    expect(await received()).toEqual([]);
  });

  it('sends nothing for nothing', async () => {
    expect(await sendBatches({ client, url }, [])).toEqual({ accepted: 0, failed: 0 });
    expect(requests).toBe(0);
  });
});
