import { SendMessageBatchCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';

export interface Message {
  /** Messages of one group do not crowd out those of others (fair queues). */
  readonly group: string;
  readonly body: unknown;
  /** Nobody is given it before so many seconds, up to 900. */
  readonly delaySeconds?: number;
}

export interface Queue {
  readonly client: SQSClient;
  readonly url: string;
}

const BATCH = 10;
const BATCHES_AT_ONCE = 16;
const ATTEMPTS = 3;

export interface Sent {
  readonly accepted: number;
  readonly failed: number;
  /** Why, if the queue said so. */
  readonly cause?: unknown;
}

/**
 * Sends messages in batches of 10, 16 batches at once, each message up to 3 times; says how many the queue took. A queue that
 * answers with an error is not sent the rest.
 */
export async function sendBatches(queue: Queue, messages: readonly Message[]): Promise<Sent> {
  let next = 0;
  let accepted = 0;
  let cause: unknown;
  const sendInTurn = async () => {
    while (next < messages.length && cause === undefined) {
      const batch = messages.slice(next, next + BATCH);
      next += BATCH;
      let rest = batch;
      for (let attempt = 0; attempt < ATTEMPTS && rest.length > 0; attempt++) {
        rest = await sendBatch(queue, rest);
      }
      accepted += batch.length - rest.length;
    }
  };
  const sending = Array.from({ length: BATCHES_AT_ONCE }, () =>
    sendInTurn().catch((error: unknown) => {
      cause = error;
    }),
  );
  await Promise.all(sending);
  return { accepted, failed: messages.length - accepted, cause };
}

/** Returns the messages that the queue did not take. */
async function sendBatch({ client, url }: Queue, messages: Message[]): Promise<Message[]> {
  const { Failed = [] } = await client.send(
    new SendMessageBatchCommand({
      QueueUrl: url,
      Entries: messages.map(({ group, body, delaySeconds }, index) => ({
        Id: String(index),
        MessageGroupId: group,
        MessageBody: JSON.stringify(body),
        DelaySeconds: delaySeconds,
      })),
    }),
  );
  return Failed.flatMap(({ Id }) => messages[Number(Id)] ?? []);
}

/** Sends one message, its body as it is. Rejects if the queue does not take it. */
export async function sendText(
  { client, url }: Queue,
  group: string,
  body: string,
  abortSignal: AbortSignal,
): Promise<void> {
  const message = { QueueUrl: url, MessageGroupId: group, MessageBody: body };
  await client.send(new SendMessageCommand(message), { abortSignal });
}
