import { SendMessageBatchCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';

export interface Message {
  /** Messages of one group do not crowd out those of others (fair queues). */
  readonly group: string;
  readonly body: unknown;
}

export interface Queue {
  readonly client: SQSClient;
  readonly url: string;
}

const BATCH = 10;
const ATTEMPTS = 3;

/** Sends messages in batches of 10, each message up to 3 times; says how many the queue took. */
export async function sendBatches(
  queue: Queue,
  messages: readonly Message[],
): Promise<{ accepted: number; failed: number }> {
  let failed = 0;
  for (let start = 0; start < messages.length; start += BATCH) {
    let rest = messages.slice(start, start + BATCH);
    for (let attempt = 0; attempt < ATTEMPTS && rest.length > 0; attempt++) {
      rest = await sendBatch(queue, rest);
    }
    failed += rest.length;
  }
  return { accepted: messages.length - failed, failed };
}

/** Returns the messages that the queue did not take. */
async function sendBatch({ client, url }: Queue, messages: Message[]): Promise<Message[]> {
  const { Failed = [] } = await client.send(
    new SendMessageBatchCommand({
      QueueUrl: url,
      Entries: messages.map(({ group, body }, index) => ({
        Id: String(index),
        MessageGroupId: group,
        MessageBody: JSON.stringify(body),
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
