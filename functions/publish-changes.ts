import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import { eventBus, putEvent } from '../shared/runtime/event-bus.ts';
import { logger } from '../shared/runtime/telemetry.ts';
import { statusChangeOf } from '../shared/tokens/status-change.ts';

const bus = eventBus();

/**
 * The table's stream: each change of a connection's status becomes an event, in order. Stops at the first record that
 * fails, from which the stream goes on, so that none is published twice for another's sake.
 */
export async function handler({ Records }: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> {
  for (const { dynamodb } of Records) {
    try {
      const change = statusChangeOf(dynamodb?.OldImage, dynamodb?.NewImage);
      if (!change) continue;
      const { type, detail } = change;
      await putEvent(bus, type, detail);
      logger.info('A status change was published.', { type, accountId: detail.accountId });
    } catch (error) {
      logger.error('A change could not be published; the stream repeats it.', error as Error);
      return { batchItemFailures: [{ itemIdentifier: dynamodb?.SequenceNumber ?? '' }] };
    }
  }
  return { batchItemFailures: [] };
}
