import { type DynamoDBDocumentClient, paginateQuery } from '@aws-sdk/lib-dynamodb';
import type { EpochSeconds } from '../runtime/clock.ts';
import { DISCONNECTING_SHARD, SWEEP_SHARDS } from './connection.ts';

export const DUE_INDEX = 'due';

/** Of a page: whoever stops between two of them stops in time, and holds little at once. */
const PAGE = 500;

export interface DueConnection {
  readonly accountId: string;
  readonly accessTokenExpiresAt: EpochSeconds;
  /** {@link DISCONNECTING_SHARD}: due to be disconnected, not refreshed. */
  readonly sweepShard: number;
}

/**
 * The active connections whose access token expires before `horizon`, and all that are being disconnected: a page at a
 * time, those that expire soonest first within each shard. Starts with any shard, so that runs which end early are fair
 * to all. Reads the index alone, which holds no token.
 */
export async function* dueConnections(
  client: DynamoDBDocumentClient,
  tableName: string,
  horizon: EpochSeconds,
): AsyncGenerator<DueConnection[]> {
  const shards = SWEEP_SHARDS + 1;
  const first = Math.floor(Math.random() * shards);
  for (let step = 0; step < shards; step++) {
    const shard = (first + step) % shards;
    const isRefresh = shard !== DISCONNECTING_SHARD;
    const pages = paginateQuery(
      { client, pageSize: PAGE },
      {
        TableName: tableName,
        IndexName: DUE_INDEX,
        KeyConditionExpression: `sweepShard = :shard${isRefresh ? ' AND accessTokenExpiresAt < :horizon' : ''}`,
        ExpressionAttributeValues: { ':shard': shard, ...(isRefresh && { ':horizon': horizon }) },
      },
    );
    for await (const { Items = [] } of pages) yield Items as DueConnection[];
  }
}
