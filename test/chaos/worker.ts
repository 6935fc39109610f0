import { flushCompileCache } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import type { GetTokenResponse } from '../../shared/client/contract.ts';
import { invokeDesign } from './designs.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './messages.ts';
import { random } from './random.ts';
import { watchRedemptions } from './redemptions.ts';

/* One process of several that run the real handlers: callers, a sweep, and the consumers of both queues. */

const options = JSON.parse(process.env['CHAOS_WORKER'] ?? '') as WorkerOptions;
const { accountIds, queues } = options;
const tell = (message: FromWorker) => process.send?.(message);
const watch = watchRedemptions(options.name, tell);
const invoke: typeof invokeDesign = (...call) => watch.during(() => invokeDesign(...call));
const { between, next, below, pick } = random(options.seed);
const sqs = new SQSClient();

const CALLERS = 3;
const PAUSE_MS = 400;
const SWEEP_EVERY_MS = 60_000;
let mode: 'work' | 'drain' | 'rest' = 'work';
const lastTokens = new Map<string, string>();

process.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'drain':
      mode = 'drain';
      return;
    case 'rest':
      mode = 'rest';
      rested();
      return;
    case 'stampede':
      for (let caller = 0; caller < CALLERS; caller++) getToken(message.accountId, 30 * 60);
      return;
    case 'ask':
      askAll(message.accountIds);
  }
});

await invoke(options.design, 'get-token', {});
tell({ kind: 'ready' });
// A killed process keeps nothing for the one that replaces it.
flushCompileCache();
for (let caller = 0; caller < CALLERS; caller++) call();
sweep();
consume('refresh-connection', queues.refresh);
consume('save-rotation', queues.escrow);

/** As the owner's Lambdas do, some accounts far more often than others; now and then after a 401. */
async function call(): Promise<void> {
  while (mode === 'work') {
    const accountId = accountIds[Math.floor(next() ** 2 * accountIds.length)] ?? '';
    const rejectedToken = next() < 0.15 ? lastTokens.get(accountId) : undefined;
    await getToken(accountId, Math.floor(between(60, 118)), rejectedToken);
    await delay(between(0, 2 * PAUSE_MS));
  }
}

async function getToken(
  accountId: string,
  minValiditySeconds: number,
  rejectedToken?: string,
): Promise<void> {
  const request = { accountId, minValiditySeconds, ...(rejectedToken && { rejectedToken }) };
  const answer = (await invoke(options.design, 'get-token', request)) as GetTokenResponse;
  if (answer.ok) lastTokens.set(accountId, answer.accessToken);
}

async function sweep(): Promise<void> {
  await delay(below(SWEEP_EVERY_MS));
  while (mode === 'work') {
    await invoke(options.design, 'refresh-sweep', {}).catch(() => undefined);
    await delay(SWEEP_EVERY_MS);
  }
}

async function askAll(accounts: readonly string[]): Promise<void> {
  const left = [...accounts];
  const ask = async () => {
    for (let account = left.pop(); account !== undefined; account = left.pop()) {
      await getToken(account, 30 * 60);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, ask));
  tell({ kind: 'asked' });
}

async function rested(): Promise<void> {
  while (watch.underWay > 0) await delay(100);
  tell({ kind: 'resting' });
}

/** As Lambda's event source mapping: batches of 10, and only what succeeded is deleted. */
async function consume(name: 'refresh-connection' | 'save-rotation', url: string): Promise<void> {
  while (mode !== 'rest') {
    try {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
      );
      if (Messages.length === 0) continue;
      const event = { Records: Messages.map(record) };
      const { batchItemFailures } = (await invoke(options.design, name, event)) as SQSBatchResponse;
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      const done = Messages.filter(({ MessageId }) => !failed.has(MessageId ?? ''));
      if (done.length > 0) await sqs.send(deletion(url, done));
    } catch {
      // The messages come again when their visibility time-out has passed.
      await delay(pick([100, 200, 400]));
    }
  }
}

const record = ({ MessageId, Body }: Message) =>
  ({ messageId: MessageId, body: Body, eventSource: 'aws:sqs' }) as SQSRecord;

const deletion = (url: string, messages: Message[]) =>
  new DeleteMessageBatchCommand({
    QueueUrl: url,
    Entries: messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
  });
