import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { startFauxqs } from 'fauxqs';
import { type FunctionName, functions } from '../functions.ts';

export interface LocalQueue {
  readonly endpoint: string;
  readonly url: string;
  readonly deadLetterUrl: string;
  close(): Promise<void>;
}

const MAX_RECEIVE_COUNT = 5;

/** An embedded SQS with the refresh queue, its dead-letter queue, and the event source behind it. */
export async function startQueue(
  consumer: FunctionName,
  invoke: (event: SQSEvent) => Promise<SQSBatchResponse>,
): Promise<LocalQueue> {
  const server = await startFauxqs({ port: 0, logger: false });
  const endpoint = `http://127.0.0.1:${server.port}`;
  const deadLetters = server.createQueue('refresh-dead-letters');
  const queue = server.createQueue('refresh', {
    attributes: {
      VisibilityTimeout: String(6 * functions[consumer].timeoutSeconds),
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: deadLetters.queueArn,
        maxReceiveCount: MAX_RECEIVE_COUNT,
      }),
    },
  });
  const url = `${endpoint}/${new URL(queue.queueUrl).pathname.slice(1)}`;
  const stopping = new AbortController();
  const client = new SQSClient({ endpoint });
  const polling = poll(client, url, invoke, stopping.signal);
  return {
    endpoint,
    url,
    deadLetterUrl: `${endpoint}/${new URL(deadLetters.queueUrl).pathname.slice(1)}`,
    async close() {
      stopping.abort();
      await polling;
      client.destroy();
      await server.stop();
    },
  };
}

/** As Lambda's event source mapping: batches of 10, and only what succeeded is deleted. */
async function poll(
  client: SQSClient,
  url: string,
  invoke: (event: SQSEvent) => Promise<SQSBatchResponse>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }),
        { abortSignal: signal },
      );
      if (Messages.length === 0) continue;
      const { batchItemFailures } = await invoke({ Records: Messages.map(toRecord) });
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
  eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:refresh',
  awsRegion: 'us-east-1',
});
