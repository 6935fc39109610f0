import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { type FunctionName, stream } from '../../functions/manifest.ts';
import { type Credentials, guarded } from './credentials.ts';
import type { LocalDynamoDb } from './dynamodb.ts';

/*
 * The embedded DynamoDB has no streams. A front before it looks at an item before and after each write, one write of an
 * item at a time, and so sees what a stream with new and old images would hold. Unlike AWS's, what was not yet consumed is gone
 * when the system stops.
 */

type Image = NonNullable<DynamoDBRecord['dynamodb']>['NewImage'];
type Invoke = (name: FunctionName, event: unknown) => Promise<unknown>;

interface Write {
  readonly TableName: string;
  readonly Key?: Record<string, unknown>;
  readonly Item?: Record<string, unknown>;
}

const OPERATION = /^DynamoDB_20120810\.(\w+)$/;
const WRITES = new Set(['UpdateItem', 'PutItem', 'DeleteItem']);
const UNSEEN = new Set(['BatchWriteItem', 'TransactWriteItems']);
const PASSED_ON = ['content-type', 'x-amz-date', 'x-amz-target'];

/**
 * Passes on to the DynamoDB what programs ask that have the credentials, and records the writes of single items.
 */
export function recordingFront(
  credentials: Credentials,
  dynamoDb: Pick<LocalDynamoDb, 'endpoint' | 'credentials'>,
  record: (record: DynamoDBRecord) => void,
): Server {
  const lastWrites = new Map<string, Promise<unknown>>();
  let sequence = 0;

  async function send(headers: IncomingHttpHeaders, body: string, operation?: string) {
    const passed = PASSED_ON.map((name): [string, string] => [name, String(headers[name] ?? '')]);
    const response = await fetch(dynamoDb.endpoint, {
      method: 'POST',
      headers: {
        ...Object.fromEntries(passed),
        authorization: withKey(headers.authorization ?? '', dynamoDb.credentials),
        ...(operation && { 'x-amz-target': `DynamoDB_20120810.${operation}` }),
      },
      body,
    });
    return { response, body: await response.text() };
  }

  /** Behind the write of the same item that came before. */
  async function write(headers: IncomingHttpHeaders, body: string) {
    const { TableName, Key, Item } = JSON.parse(body) as Write;
    const key = Key ?? { accountId: Item?.['accountId'] };
    const item = JSON.stringify([TableName, key]);
    const written = (lastWrites.get(item) ?? Promise.resolve()).then(() =>
      writeItem(headers, body, TableName, key),
    );
    const settled = written.catch(() => undefined);
    lastWrites.set(item, settled);
    settled.then(() => lastWrites.get(item) === settled && lastWrites.delete(item));
    return written;
  }

  async function writeItem(
    headers: IncomingHttpHeaders,
    body: string,
    TableName: string,
    key: object,
  ) {
    const get = JSON.stringify({ TableName, Key: key, ConsistentRead: true });
    const image = async (): Promise<Image> =>
      JSON.parse((await send(headers, get, 'GetItem')).body).Item;
    const before = await image();
    const reply = await send(headers, body);
    if (reply.response.ok) {
      const after = await image();
      if (before || after) record(toRecord(++sequence, key, before, after));
    }
    return reply;
  }

  const listener: RequestListener = async (request, response) => {
    const body = await text(request);
    const [, operation = ''] = OPERATION.exec(String(request.headers['x-amz-target'])) ?? [];
    try {
      if (UNSEEN.has(operation)) throw new Error(`The local stream does not see ${operation}.`);
      const reply = await (WRITES.has(operation) ? write : send)(request.headers, body);
      response.writeHead(reply.response.status, {
        'content-type': 'application/x-amz-json-1.0',
        'x-amzn-requestid': reply.response.headers.get('x-amzn-requestid') ?? '',
      });
      response.end(reply.body);
    } catch (error) {
      response.writeHead(500, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ message: (error as Error).message }));
    }
  };
  return createServer(guarded(credentials, listener));
}

/** Neither DynamoDB that can stand behind the front checks the signature. */
const withKey = (authorization: string, { accessKeyId }: Credentials) =>
  authorization.replace(/Credential=\w+/, `Credential=${accessKeyId}`);

const toRecord = (sequence: number, key: object, before: Image, after: Image): DynamoDBRecord => ({
  eventID: String(sequence),
  eventName: !before ? 'INSERT' : after ? 'MODIFY' : 'REMOVE',
  eventSource: 'aws:dynamodb',
  eventVersion: '1.1',
  awsRegion: 'us-east-1',
  dynamodb: {
    ApproximateCreationDateTime: Math.floor(Date.now() / 1000),
    Keys: key as NonNullable<Image>,
    SequenceNumber: String(sequence).padStart(21, '0'),
    StreamViewType: 'NEW_AND_OLD_IMAGES',
    ...(before && { OldImage: before }),
    ...(after && { NewImage: after }),
  },
});

const RETRY_AFTER_MS = 200;

/** As Lambda's event source mapping: batches in order, from the first record that failed on again. */
export function streamConsumer(invoke: Invoke) {
  const stopping = new AbortController();
  let waiting: DynamoDBRecord[] = [];
  let attempts = 0;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (waiting.length > 0 && !stopping.signal.aborted) {
      const batch = waiting.slice(0, stream.batchSize);
      const failed = await consume(batch);
      const done = failed === undefined ? batch.length : failed;
      attempts = done > 0 ? 0 : attempts + 1;
      // The first one is given up, as to a dead-letter queue.
      const givenUp = attempts > stream.retryAttempts ? 1 : 0;
      waiting = waiting.slice(done + givenUp);
      if (failed !== undefined) {
        await delay(RETRY_AFTER_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
    running = undefined;
  }

  /** The place of the first record that failed, if one did. */
  async function consume(batch: DynamoDBRecord[]): Promise<number | undefined> {
    try {
      const event: DynamoDBStreamEvent = { Records: batch };
      const response = (await invoke(stream.consumer, event)) as DynamoDBBatchResponse;
      const [first] = response.batchItemFailures;
      return first && batch.findIndex((each) => isAt(each, first.itemIdentifier));
    } catch {
      return 0;
    }
  }

  return {
    record(record: DynamoDBRecord): void {
      waiting.push(record);
      running ??= Promise.resolve().then(run);
    },
    async close(): Promise<void> {
      stopping.abort();
      await running;
    },
  };
}

const isAt = ({ dynamodb }: DynamoDBRecord, sequence: string) =>
  dynamodb?.SequenceNumber === sequence;
