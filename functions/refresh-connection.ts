import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod/mini';
import { clock, jobberDisconnect, jobberTokens, table } from '../shared/jobber/wiring.ts';
import { type EpochMs, plus } from '../shared/runtime/clock.ts';
import { count, logger, publishMetrics } from '../shared/runtime/telemetry.ts';
import { REFRESH_AHEAD_S } from '../shared/tokens/budgets.ts';
import { TokenError } from '../shared/tokens/errors.ts';

const Message = z.object({
  accountId: z.string().check(z.minLength(1)),
  disconnecting: z._default(z.boolean(), false),
});

const connections = table();
const tokens = jobberTokens(connections);
const { resume } = jobberDisconnect(connections, tokens);
const processor = new BatchProcessor(EventType.SQS);

/** Refreshes the connections that a sweep queued, or disconnects them. A message whose work failed stays in the queue. */
export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const deadline = plus(clock.now(), context.getRemainingTimeInMillis() - 1_000);
  try {
    return await processPartialResponse(
      event,
      (record: SQSRecord) => work(record, deadline),
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

async function work({ body }: SQSRecord, deadline: EpochMs): Promise<void> {
  const { accountId, disconnecting } = Message.parse(JSON.parse(body));
  try {
    if (disconnecting) await disconnect(accountId, deadline);
    else await tokens.refreshIfDue(accountId, { minValiditySeconds: REFRESH_AHEAD_S, deadline });
  } catch (error) {
    if (!(error instanceof TokenError)) {
      logger.error('A connection of the queue failed unexpectedly.', {
        accountId,
        error: error as Error,
      });
      throw error;
    }
    logger.warn('A connection was not refreshed.', { accountId, code: error.code });
    if (error.retryable) throw error;
  }
}

/** While Jobber does not answer, the next sweep queues the connection again. */
async function disconnect(accountId: string, deadline: EpochMs): Promise<void> {
  const outcome = await resume(accountId, deadline);
  if (outcome?.status === 'disconnecting') count('DisconnectWaiting');
  logger.info('A disconnect went on.', { accountId, ...outcome });
}
