import { readFileSync } from 'node:fs';
import { DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
} from '@aws-sdk/client-dynamodb-streams';
import { Ajv } from 'ajv';
import type { DynamoDBBatchResponse, DynamoDBRecord } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { BusEvent } from '../../local/aws/event-bus.ts';
import { GRACE } from '../../shared/tokens/budgets.ts';
import { endConnection } from '../../shared/tokens/end-connection.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';
import { ACCOUNT, MINUTE, tokenSystem } from '../support/token-system.ts';
import { until } from '../support/until.ts';

const TYPES = [
  'connection.established',
  'connection.reconnect_required',
  'connection.restored',
  'connection.disconnected',
  'webhook.received',
];
const ajv = new Ajv({ allowUnionTypes: true });
const validators = new Map(
  TYPES.map((type) => {
    const file = new URL(`../../docs/events/${type}.schema.json`, import.meta.url);
    return [type, ajv.compile(JSON.parse(readFileSync(file, 'utf8')))];
  }),
);

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem({ webhooks: true });
});
afterAll(() => system.close());
let before: number;
beforeEach(() => {
  before = system.bus.events().length;
});

/** Those of this test, oldest first, each as its published schema says. */
function published(): BusEvent[] {
  const events = [...system.bus.events()].slice(0, system.bus.events().length - before).reverse();
  for (const event of events) {
    const isValid = validators.get(event['detail-type']);
    expect(isValid?.(event), JSON.stringify(isValid?.errors)).toBe(true);
  }
  return events;
}
const inShort = (events: readonly BusEvent[]) =>
  events.map(({ 'detail-type': type, detail }) => [type, detail['rotation'], detail['reason']]);
const publish = (Records: DynamoDBRecord[]) =>
  system.invoke('publish-changes', { Records }) as Promise<DynamoDBBatchResponse>;

const recorded = JSON.parse(
  readFileSync(new URL('./recorded-stream.json', import.meta.url), 'utf8'),
) as DynamoDBRecord[];

describe('the changes of a recorded stream', () => {
  it('become one event a status change, in order, whatever else was written', async () => {
    expect(recorded.length).toBeGreaterThanOrEqual(8);
    expect(await publish(recorded)).toEqual({ batchItemFailures: [] });
    expect(inShort(published())).toEqual([
      ['connection.established', 0, null],
      ['connection.reconnect_required', 1, 'rotation_lost'],
      ['connection.restored', 2, null],
      ['connection.disconnected', 2, 'disconnected_in_jobber'],
      ['connection.established', 0, null],
    ]);
  });

  it('have exactly the documented detail, and nothing of a token', async () => {
    await publish(recorded.slice(0, 1));
    const [event] = published();
    const image = recorded[0]?.dynamodb?.NewImage ?? {};
    expect(event?.detail).toEqual({
      accountId: ACCOUNT,
      accountName: 'Maple Street Plumbing',
      ref: null,
      userId: image['userId']?.S ?? null,
      previousUserId: null,
      previousRef: null,
      grantId: image['grantId']?.S,
      rotation: 0,
      status: 'active',
      reason: null,
      at: new Date(Number(image['connectedAt']?.N)).toISOString(),
    });
    for (const attribute of ['accessToken', 'refreshToken']) {
      expect(image[attribute]?.B).toBeDefined();
      expect(JSON.stringify(event)).not.toContain(image[attribute]?.B);
    }
  });

  it('that the bus does not take come again from the first of them on', async () => {
    const accept = system.bus.refuse();
    const first = recorded[0]?.dynamodb?.SequenceNumber;
    expect(await publish(recorded)).toEqual({ batchItemFailures: [{ itemIdentifier: first }] });
    expect(published()).toEqual([]);
    accept();
    await publish(recorded);
    expect(published()).toHaveLength(5);
  });

  it('that are none of a connection are a failure, and those before them are published', async () => {
    const [first, second] = recorded as [DynamoDBRecord, DynamoDBRecord];
    const broken = {
      ...second,
      dynamodb: { ...second.dynamodb, SequenceNumber: '7', NewImage: { accountId: { S: 'x' } } },
    };
    expect(await publish([first, broken, first])).toEqual({
      batchItemFailures: [{ itemIdentifier: '7' }],
    });
    expect(published()).toHaveLength(1);
  });

  it('that are deletions by hand are no event', async () => {
    const [{ dynamodb = {} }] = recorded as [DynamoDBRecord];
    const { NewImage, ...rest } = dynamodb;
    const deletion = { eventName: 'REMOVE', dynamodb: { ...rest, OldImage: NewImage } };
    expect(await publish([deletion as DynamoDBRecord])).toEqual({ batchItemFailures: [] });
    expect(published()).toEqual([]);
  });
});

describe('the local system’s stream', () => {
  const settled = (count: number) => until(() => system.bus.events().length - before >= count);

  it('tells of a connect, a lapse, a reconnect and a disconnect, once each', async () => {
    await system.connect(MAPLE);
    await system.expire(MAPLE);
    const work = () => system.deliver(JSON.stringify({ accountId: idOf(MAPLE) }));
    await work();
    system.simulator.settings.webhookUrl = '';
    system.simulator.disconnect(MAPLE);
    await system.expire(MAPLE);
    await Promise.all([work(), work(), work()]);
    await system.expire(MAPLE);
    await Promise.all([work(), work(), work()]);
    await system.connect(MAPLE);
    await system.invoke('disconnect', { accountId: idOf(MAPLE) });
    await settled(4);
    expect(inShort(published())).toEqual([
      ['connection.established', 0, null],
      ['connection.reconnect_required', 1, 'revoked'],
      ['connection.established', 0, null],
      ['connection.disconnected', 0, 'disconnected_by_app'],
    ]);
  });

  it('goes on when the bus is back', async () => {
    const accept = system.bus.refuse();
    await system.connect(MAPLE);
    accept();
    await settled(1);
    expect(inShort(published())).toEqual([['connection.established', 0, null]]);
  });

  it('has a schema for webhooks as well', async () => {
    system.simulator.settings.webhookUrl = `${system.url}/webhooks/jobber`;
    system.simulator.sendWebhook('CLIENT_CREATE', MAPLE);
    await settled(1);
    expect(published()).toMatchObject([{ 'detail-type': 'webhook.received' }]);
  });
});

describe.skipIf(!process.env['DYNAMODB_ENDPOINT'])(
  'the stream of AWS’s own DynamoDB Local (DYNAMODB_ENDPOINT)',
  () => {
    it('becomes one event a status change', async () => {
      const records = await wholeLife();
      if (process.env['RECORD_STREAM']) {
        const { writeFileSync } = await import('node:fs');
        const file = new URL('./recorded-stream.json', import.meta.url);
        writeFileSync(file, `${JSON.stringify(records, undefined, 2)}\n`);
      }
      expect(await publish(records)).toEqual({ batchItemFailures: [] });
      expect(inShort(published())).toEqual([
        ['connection.established', 0, null],
        ['connection.reconnect_required', 1, 'rotation_lost'],
        ['connection.restored', 2, null],
        ['connection.disconnected', 2, 'disconnected_in_jobber'],
        ['connection.established', 0, null],
      ]);
    });
  },
);

/** Connect, refresh, lose a rotation that then comes late, disconnect, reconnect: what the stream holds of it. */
async function wholeLife(): Promise<DynamoDBRecord[]> {
  const endpoint = inject('dynamoDbEndpoint');
  const life = await tokenSystem();
  const { db, clock, helper, server } = life;
  await new DynamoDBClient({ endpoint }).send(
    new UpdateTableCommand({
      TableName: db.tableName,
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    }),
  );
  await life.connect();
  life.expireAccessToken();
  await helper.getAccessToken(ACCOUNT);
  life.expireAccessToken();
  // Nobody hears of a rotation; the verdict comes before it does.
  const { refreshToken } = await life.stored();
  server.script((carryOut) => {
    carryOut();
    return { outcome: 'unknown', maybeRedeemed: true, cause: 'no answer' };
  });
  await helper.getAccessToken(ACCOUNT).catch(() => undefined);
  clock.advance(GRACE);
  await helper.getAccessToken(ACCOUNT).catch(() => undefined);
  await db.table.store(ACCOUNT, refreshToken, {
    accessToken: new Uint8Array(80) as never,
    refreshToken: new Uint8Array(90) as never,
    accessTokenExpiresAt: (life.nowSeconds() + 3_600) as never,
    refreshedAt: life.nowSeconds(),
  });
  const isAbout = () => true;
  const store = { table: db.table, clock };
  await endConnection(store, ACCOUNT, { isAbout, reason: 'disconnected_in_jobber' });
  clock.advance(MINUTE);
  await life.connect();
  return recordsOf(endpoint, db.tableName);
}

/** As Lambda hands them to a function: bytes in base64, times in seconds. */
async function recordsOf(endpoint: string, tableName: string): Promise<DynamoDBRecord[]> {
  const client = new DynamoDBStreamsClient({ endpoint });
  const { Streams = [] } = await client.send(new ListStreamsCommand({ TableName: tableName }));
  const StreamArn = Streams[0]?.StreamArn;
  const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamArn }));
  const records: DynamoDBRecord[] = [];
  for (const { ShardId } of StreamDescription?.Shards ?? []) {
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    const { Records = [] } = await client.send(new GetRecordsCommand({ ShardIterator }));
    records.push(...(JSON.parse(JSON.stringify(Records, asLambda)) as DynamoDBRecord[]));
  }
  return records;
}

function asLambda(this: Record<string, unknown>, key: string, value: unknown): unknown {
  if (key === 'B') return Buffer.from(this[key] as Uint8Array).toString('base64');
  const raw = this[key];
  return raw instanceof Date ? raw.getTime() / 1000 : value;
}
