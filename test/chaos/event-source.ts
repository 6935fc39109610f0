import { setTimeout as delay } from 'node:timers/promises';
import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';

export interface EventSource {
  readonly sqsUrl: string;
  readonly queueUrl: string;
  /** How many batches are worked on at once. */
  readonly concurrency: number;
  readonly invoke: (event: SQSEvent) => Promise<unknown>;
}

const BATCH = 10;

/** As Lambda's event source mapping: batches of 10, and only what succeeded is deleted. Until it is stopped. */
export function startEventSource({ sqsUrl, queueUrl, concurrency, invoke }: EventSource) {
  const client = new SQSClient({ endpoint: sqsUrl });
  const stopping = new AbortController();
  const polling = Array.from({ length: concurrency }, async () => {
    while (!stopping.signal.aborted) await consume().catch(() => delay(100));
  });

  /** Messages that were not deleted come again when their visibility time-out has passed. */
  async function consume(): Promise<void> {
    const receive = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: BATCH,
      WaitTimeSeconds: 1,
    });
    const { Messages = [] } = await client.send(receive, { abortSignal: stopping.signal });
    if (Messages.length === 0) return;
    const response = await invoke({ Records: Messages.map(record) });
    const { batchItemFailures } = response as SQSBatchResponse;
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    const done = Messages.filter(({ MessageId }) => !failed.has(MessageId ?? ''));
    if (done.length > 0) await client.send(deletion(queueUrl, done));
  }

  return {
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all(polling);
      client.destroy();
    },
  };
}

const record = ({ MessageId, Body }: Message) =>
  ({ messageId: MessageId, body: Body, eventSource: 'aws:sqs' }) as SQSRecord;

const deletion = (url: string, messages: Message[]) =>
  new DeleteMessageBatchCommand({
    QueueUrl: url,
    Entries: messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
  });
