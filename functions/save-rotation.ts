import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { dynamoDb } from '../shared/runtime/dynamodb.ts';
import { environment } from '../shared/runtime/environment.ts';
import { count, logger, publishMetrics } from '../shared/runtime/telemetry.ts';
import { connectionTable } from '../shared/tokens/connection-table.ts';
import { decodeRotation, saveRotation } from '../shared/tokens/escrow.ts';

const table = connectionTable(dynamoDb(), environment.tableName());
const processor = new BatchProcessor(EventType.SQS);

/** Stores the rotations that the table refused earlier. They come again until it takes them. */
export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  try {
    return await processPartialResponse(event, save, processor, {
      context,
      throwOnFullBatchFailure: false,
    });
  } finally {
    publishMetrics();
  }
}

async function save({ body }: SQSRecord): Promise<void> {
  const rotation = decodeRotation(body);
  const outcome = await saveRotation(table, rotation);
  if (outcome === 'stored') count('EscrowStored');
  logger.info('A rotation left the escrow.', { accountId: rotation.accountId, outcome });
}
