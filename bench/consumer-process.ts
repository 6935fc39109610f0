import { createRequire } from 'node:module';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { lambdaContext } from '../local/functions.ts';
import { raw } from './baselines/raw.ts';
import { countRequests, type Requests } from './requests.ts';
import { serve } from './serve.ts';
import type { Addresses } from './services.ts';

/*
 * One of the processes that refresh what a sweep has queued, with the bundled `refresh-connection`; or that write to the
 * table as fast as it takes it, as many requests at once as the other work has.
 */

export interface ConsumerOptions {
  readonly at: Addresses;
  readonly tableName: string;
  /** Where the bundle is. */
  readonly bundle: string;
  /** Batches of 10 at once. */
  readonly batches: number;
  /** Accounts of this process's own, which are not due. */
  readonly writeTo: readonly string[];
}

export interface Work {
  readonly kind: 'refresh' | 'write';
  readonly forMs: number;
}

export interface Worked {
  /** Refreshes or writes. */
  readonly done: number;
  readonly ms: number;
  /** The queue had nothing left. */
  readonly drained: boolean;
  readonly requests: Requests;
}

const BATCH = 10;
const options = JSON.parse(process.env['CONSUMER'] ?? '') as ConsumerOptions;
const { at, tableName, batches, writeTo } = options;
const { handler } = createRequire(import.meta.url)(options.bundle);
const sqs = new SQSClient({ endpoint: at.sqsUrl });
const db = new DynamoDBClient({ endpoint: at.tableUrl });
const { takeLease, store } = raw({ at, db, tableName }, { conditions: true });
const requests = countRequests();

serve(async ({ kind, forMs }: Work): Promise<Worked> => {
  requests();
  const started = performance.now();
  const endsAt = started + forMs;
  const lanes = kind === 'refresh' ? batches : batches * BATCH;
  const work = kind === 'refresh' ? refreshBatches : write;
  const done = await Promise.all(Array.from({ length: lanes }, (_, lane) => work(endsAt, lane)));
  return {
    done: done.reduce((sum, count) => sum + count, 0),
    ms: performance.now() - started,
    drained: performance.now() < endsAt,
    requests: requests(),
  };
});

/** As Lambda's event source mapping: only what succeeded is deleted. */
async function refreshBatches(endsAt: number): Promise<number> {
  let refreshed = 0;
  const queue = { QueueUrl: at.refreshQueue };
  while (performance.now() < endsAt) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ ...queue, MaxNumberOfMessages: BATCH }),
    );
    if (Messages.length === 0) break;
    const event = {
      Records: Messages.map(({ MessageId, Body }) => ({
        messageId: MessageId,
        body: Body,
        eventSource: 'aws:sqs',
      })),
    };
    const context = lambdaContext('refresh-connection', Date.now() + 179_000);
    const { batchItemFailures } = await handler(event, context);
    if (batchItemFailures.length > 0) throw new Error('A refresh failed.');
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({
      Id: String(index),
      ReceiptHandle,
    }));
    await sqs.send(new DeleteMessageBatchCommand({ ...queue, Entries }));
    refreshed += Messages.length;
  }
  return refreshed;
}

async function write(endsAt: number, lane: number): Promise<number> {
  let written = 0;
  for (let turn = lane; performance.now() < endsAt; turn += batches * BATCH) {
    const accountId = writeTo[turn % writeTo.length] ?? '';
    await takeLease(accountId);
    await store(accountId, 'x'.repeat(330), 'x'.repeat(70));
    written += 2;
  }
  return written;
}
