import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
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
  const urls = Object.fromEntries(
    names.map((name) => [name, `${endpoint}${createWithDeadLetters(server, name)}`]),
  ) as Record<QueueName, string>;
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

/** Returns the path of the queue's URL. */
function createWithDeadLetters(server: LocalSqs, name: QueueName): string {
  const { maxReceiveCount } = queues[name];
  const { queueArn: deadLetterTargetArn } = server.createQueue(`${name}-dead-letters`);
  const { queueUrl } = server.createQueue(name, {
    attributes: {
      VisibilityTimeout: String(queues[name].visibilitySeconds),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
    },
  });
  return new URL(queueUrl).pathname;
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
