import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod/mini';
import { clock, jobberTokens } from '../shared/jobber/wiring.ts';
import { type EpochMs, later } from '../shared/runtime/clock.ts';
import { logger, publishMetrics } from '../shared/runtime/telemetry.ts';
import { REFRESH_AHEAD_S } from '../shared/tokens/budgets.ts';
import { TokenError } from '../shared/tokens/errors.ts';

const Message = z.object({ accountId: z.string().check(z.minLength(1)) });

const tokens = jobberTokens();
const processor = new BatchProcessor(EventType.SQS);

/** Refreshes the connections that a sweep queued. A message whose work failed stays in the queue. */
export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const deadline = later(clock.now(), context.getRemainingTimeInMillis() - 1_000);
  try {
    return await processPartialResponse(
      event,
      (record: SQSRecord) => refresh(record, deadline),
      processor,
      {
        context,
        throwOnFullBatchFailure: false,
      },
    );
  } finally {
    publishMetrics();
  }
}

async function refresh({ body }: SQSRecord, deadline: EpochMs): Promise<void> {
  const { accountId } = Message.parse(JSON.parse(body));
  try {
    await tokens.refreshIfDue(accountId, { minValiditySeconds: REFRESH_AHEAD_S, deadline });
  } catch (error) {
    if (!(error instanceof TokenError)) {
      logger.error('A refresh failed unexpectedly.', { accountId, error: error as Error });
      throw error;
    }
    logger.warn('A connection was not refreshed.', { accountId, code: error.code });
    if (error.retryable) throw error;
  }
}
