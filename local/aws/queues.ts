import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { type QueueName, queues } from '../../functions/manifest.ts';
import type { Invoke } from '../functions.ts';
import { OneClearLine } from '../one-clear-line.ts';
import type { Credentials } from './credentials.ts';
import { type LocalSqs, startSqs } from './sqs.ts';

export interface LocalQueues {
  readonly endpoint: string;
  readonly urls: Readonly<Record<QueueName, string>>;
  /** Hands the messages to their consumers from now on. */
  deliverTo(invoke: Invoke): void;
  close(): Promise<void>;
}

/** An embedded SQS that keeps its messages in `folder`: the queues, their dead letters, their consumers. */
export async function startQueues(credentials: Credentials, folder: string): Promise<LocalQueues> {
  const server = await start(credentials, folder);
  const endpoint = `http://127.0.0.1:${server.port}`;
  const client = new SQSClient({ endpoint, credentials });
  const stopping = new AbortController();
  const names = Object.keys(queues) as QueueName[];
  const created = names.map(
    async (name) => [name, `${endpoint}${await createWithDeadLetters(client, name)}`] as const,
  );
  const urls = Object.fromEntries(await Promise.all(created)) as Record<QueueName, string>;
  let polling: Promise<void>[] = [];
  return {
    endpoint,
    urls,
    deliverTo(invoke) {
      polling = names.map((name) =>
        poll(client, urls[name], (event) => invoke(queues[name].consumer, event), stopping.signal),
      );
    },
    async close() {
      stopping.abort();
      await Promise.all(polling);
      client.destroy();
      await server.stop();
    },
  };
}

async function start(credentials: Credentials, folder: string): Promise<LocalSqs> {
  try {
    return await startSqs(credentials, folder);
  } catch {
    throw new OneClearLine(`The folder ${folder} is damaged. Delete it to start afresh.`);
  }
}

/**
 * Returns the path of the queue's URL. A queue of an earlier start keeps its messages: `CreateQueue` leaves a queue that
 * exists as it is, where the server's own function `createQueue` would replace it by an empty one.
 */
async function createWithDeadLetters(client: SQSClient, name: QueueName): Promise<string> {
  const { maxReceiveCount, visibilitySeconds } = queues[name];
  const deadLetters = await createQueue(client, `${name}-dead-letters`);
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: deadLetters, AttributeNames: ['QueueArn'] }),
  );
  const queue = await createQueue(client, name);
  // In a request of its own, as an earlier version may have made the queue with other attributes.
  await client.send(
    new SetQueueAttributesCommand({
      QueueUrl: queue,
      Attributes: {
        VisibilityTimeout: String(visibilitySeconds),
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: Attributes?.QueueArn,
          maxReceiveCount,
        }),
      },
    }),
  );
  return new URL(queue).pathname;
}

async function createQueue(client: SQSClient, QueueName: string): Promise<string> {
  const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName }));
  return QueueUrl;
}

/** As Lambda's event source mapping: batches of 10, and only what succeeded is deleted. */
async function poll(
  client: SQSClient,
  url: string,
  invoke: (event: SQSEvent) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }),
        { abortSignal: signal },
      );
      if (Messages.length === 0) continue;
      const { batchItemFailures } = (await invoke({
        Records: Messages.map(toRecord),
      })) as SQSBatchResponse;
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      const done = Messages.filter(({ MessageId }) => !failed.has(MessageId ?? ''));
      if (done.length > 0) await client.send(deletion(url, done));
    } catch {
      // The messages come again when their visibility time-out has passed.
    }
  }
}

const deletion = (url: string, messages: Message[]) =>
  new DeleteMessageBatchCommand({
    QueueUrl: url,
    Entries: messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
  });

const toRecord = ({ MessageId = '', ReceiptHandle = '', Body = '' }: Message): SQSRecord => ({
  messageId: MessageId,
  receiptHandle: ReceiptHandle,
  body: Body,
  attributes: {
    ApproximateReceiveCount: '1',
    SentTimestamp: '0',
    SenderId: 'local',
    ApproximateFirstReceiveTimestamp: '0',
  },
  messageAttributes: {},
  md5OfBody: '',
  eventSource: 'aws:sqs',
  eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:local',
  awsRegion: 'us-east-1',
});
