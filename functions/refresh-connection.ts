import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod/mini';
import { clock, jobberDisconnect, jobberTokens, table } from '../shared/jobber/wiring.ts';
import { type EpochMs, plus } from '../shared/runtime/clock.ts';
import { count, logger, publishMetrics } from '../shared/runtime/telemetry.ts';
import { REFRESH_AHEAD_S } from '../shared/tokens/budgets.ts';
import type { SweepTask } from '../shared/tokens/due-index.ts';
import { TokenError } from '../shared/tokens/errors.ts';

const Message = z.object({
  accountId: z.string().check(z.minLength(1)),
  task: z._default(z.enum(['refresh', 'disconnect', 'appeal'] satisfies SweepTask[]), 'refresh'),
});

/** These take longer than the queue waits, and the next sweep queues the connection again. */
const WAIT_FOR_SWEEP = new Set(['refresh_paused', 'rotation_in_doubt']);

const connections = table();
const tokens = jobberTokens(connections);
const { resume } = jobberDisconnect(connections, tokens);
const processor = new BatchProcessor(EventType.SQS);

/** Does what a sweep found due: refreshes, disconnects, appeals. A message whose work failed stays in the queue. */
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

const tasks: Record<SweepTask, (accountId: string, deadline: EpochMs) => Promise<void>> = {
  refresh: (accountId, deadline) =>
    tokens.refreshIfDue(accountId, { minValiditySeconds: REFRESH_AHEAD_S, deadline }),
  disconnect,
  appeal: (accountId, deadline) => tokens.appeal(accountId, { deadline }),
};

async function work({ body }: SQSRecord, deadline: EpochMs): Promise<void> {
  const { accountId, task } = Message.parse(JSON.parse(body));
  try {
    await tasks[task](accountId, deadline);
  } catch (error) {
    if (!(error instanceof TokenError)) {
      logger.error('A connection of the queue failed unexpectedly.', {
        accountId,
        task,
        error: error as Error,
      });
      throw error;
    }
    logger.warn('A connection was not refreshed.', { accountId, task, code: error.code });
    if (error.retryable && !WAIT_FOR_SWEEP.has(error.code)) throw error;
  }
}

/** While Jobber does not answer, the next sweep queues the connection again. */
async function disconnect(accountId: string, deadline: EpochMs): Promise<void> {
  const outcome = await resume(accountId, deadline);
  if (outcome?.status === 'disconnecting') count('DisconnectWaiting');
  logger.info('Resumed disconnect.', { accountId, ...outcome });
}
