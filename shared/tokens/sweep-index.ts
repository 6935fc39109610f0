import { type DynamoDBDocumentClient, paginateQuery, paginateScan } from '@aws-sdk/lib-dynamodb';
import type { EpochMs } from '../runtime/clock.ts';
import { APPEAL_SHARDS } from './connection.ts';
import { APPEALS_INDEX, SWEEP_INDEX } from './index-names.ts';
import type { SweepSlot } from './sweep-wheel.ts';

/** A sweep stops between two pages, so a page must be quick to send, and small. */
const PAGE = 1_000;

/** What a sweep asks to be done for a connection. */
export type SweepTask = 'visit' | 'disconnect' | 'appeal';

/** The indexes of the sweep, read a page of account ids at a time. They hold no token. */
export function sweepIndex(client: DynamoDBDocumentClient, tableName: string) {
  async function* query(
    IndexName: string,
    KeyConditionExpression: string,
    ExpressionAttributeValues: Record<string, unknown>,
  ): AsyncGenerator<string[]> {
    const pages = paginateQuery(
      { client, pageSize: PAGE },
      { TableName: tableName, IndexName, KeyConditionExpression, ExpressionAttributeValues },
    );
    for await (const { Items = [] } of pages) yield Items.map(({ accountId }) => accountId);
  }

  return {
    /** The active connections of a slot. */
    inSlot: (slot: SweepSlot) => query(SWEEP_INDEX, 'sweepSlot = :slot', { ':slot': slot }),

    /** The active connections of all slots, but for those that are being disconnected. */
    async *inAllSlots(): AsyncGenerator<string[]> {
      const pages = paginateScan(
        { client, pageSize: PAGE },
        { TableName: tableName, IndexName: SWEEP_INDEX },
      );
      for await (const { Items = [] } of pages) {
        yield Items.filter(({ sweepSlot }) => sweepSlot !== 'disconnecting').map(
          ({ accountId }) => accountId,
        );
      }
    },

    /** The connections whose appeal is due. */
    async *appeals(now: EpochMs): AsyncGenerator<string[]> {
      for (let shard = 0; shard < APPEAL_SHARDS; shard++) {
        yield* query(APPEALS_INDEX, 'appealShard = :shard AND appealAt <= :now', {
          ':shard': shard,
          ':now': now,
        });
      }
    },
  };
}
