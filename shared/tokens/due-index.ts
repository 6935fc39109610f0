import { type DynamoDBDocumentClient, paginateQuery } from '@aws-sdk/lib-dynamodb';
import type { EpochSeconds } from '../runtime/clock.ts';
import { SWEEP_SHARDS } from './connection.ts';

export const DUE_INDEX = 'due';

export interface DueConnection {
  readonly accountId: string;
  readonly accessTokenExpiresAt: EpochSeconds;
}

/**
 * The active connections whose access token expires before `horizon`, a page at a time, those that
 * expire soonest first within each shard. Starts with any shard, so that runs which end early are fair
 * to all. Reads the index alone, which holds no token.
 */
export async function* dueConnections(
  client: DynamoDBDocumentClient,
  tableName: string,
  horizon: EpochSeconds,
): AsyncGenerator<DueConnection[]> {
  const first = Math.floor(Math.random() * SWEEP_SHARDS);
  for (let step = 0; step < SWEEP_SHARDS; step++) {
    const shard = (first + step) % SWEEP_SHARDS;
    const pages = paginateQuery(
      { client },
      {
        TableName: tableName,
        IndexName: DUE_INDEX,
        KeyConditionExpression: 'sweepShard = :shard AND accessTokenExpiresAt < :horizon',
        ExpressionAttributeValues: { ':shard': shard, ':horizon': horizon },
      },
    );
    for await (const { Items = [] } of pages) yield Items as DueConnection[];
  }
}
