import { type DynamoDBDocumentClient, paginateQuery } from '@aws-sdk/lib-dynamodb';
import type { EpochMs, EpochSeconds } from '../runtime/clock.ts';
import { DISCONNECTING_SHARD, SWEEP_SHARDS } from './connection.ts';

/** Of the connections whose token may have to be refreshed: `sweepShard`, `accessTokenExpiresAt`, keys only. */
export const DUE_INDEX = 'due';

/** Of the connections that need their admin, and whose token will be tried again: `appealShard`, `appealAt`, keys only. */
export const APPEALS_INDEX = 'appeals';

/** A sweep stops between two pages, so a page must be quick to send, and small. */
const PAGE = 500;

/** What a sweep asks to be done for a connection. */
export type SweepTask = 'refresh' | 'disconnect' | 'appeal';

export interface DueConnection {
  readonly accountId: string;
  readonly task: SweepTask;
  /** Of a connection to refresh. */
  readonly accessTokenExpiresAt?: EpochSeconds;
}

/**
 * What there is to do, a page at a time: the active connections whose access token expires before `horizon`, soonest first within
 * each shard, all that are being disconnected, and the appeals that are due by `now`. Starts with any shard, so that runs
 * which end early are fair to all. Reads the indexes alone, which hold no token.
 */
export async function* dueConnections(
  client: DynamoDBDocumentClient,
  tableName: string,
  { horizon, now }: { horizon: EpochSeconds; now: EpochMs },
): AsyncGenerator<DueConnection[]> {
  const shards = Array.from({ length: SWEEP_SHARDS }, (_, shard) => shard);
  const queries: [SweepTask, string, string, Record<string, unknown>][] = [
    ...shards.flatMap((shard): typeof queries => [
      [
        'refresh',
        DUE_INDEX,
        'sweepShard = :shard AND accessTokenExpiresAt < :horizon',
        { ':shard': shard, ':horizon': horizon },
      ],
      [
        'appeal',
        APPEALS_INDEX,
        'appealShard = :shard AND appealAt <= :now',
        { ':shard': shard, ':now': now },
      ],
    ]),
    ['disconnect', DUE_INDEX, 'sweepShard = :shard', { ':shard': DISCONNECTING_SHARD }],
  ];
  const first = Math.floor(Math.random() * queries.length);
  for (const [task, IndexName, KeyConditionExpression, ExpressionAttributeValues] of [
    ...queries.slice(first),
    ...queries.slice(0, first),
  ]) {
    const pages = paginateQuery(
      { client, pageSize: PAGE },
      { TableName: tableName, IndexName, KeyConditionExpression, ExpressionAttributeValues },
    );
    for await (const { Items = [] } of pages) {
      yield Items.map(({ accountId, accessTokenExpiresAt }) => ({
        accountId,
        task,
        ...(task === 'refresh' && { accessTokenExpiresAt }),
      }));
    }
  }
}
