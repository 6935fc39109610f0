import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod/mini';
import { clock, jobberDisconnect, jobberTokens, table } from '../shared/jobber/wiring.ts';
import * as aws from '../shared/runtime/aws.ts';
import { type EpochMs, plus } from '../shared/runtime/clock.ts';
import { environment } from '../shared/runtime/environment.ts';
import { type Message, sendBatches } from '../shared/runtime/queue.ts';
import { count, logger, publishMetrics, seconds } from '../shared/runtime/telemetry.ts';
import { WARM_TURN } from '../shared/tokens/budgets.ts';
import { TokenError } from '../shared/tokens/errors.ts';
import type { SweepTask } from '../shared/tokens/sweep-index.ts';
import { visits } from '../shared/tokens/visit.ts';
import { visitDelay } from '../shared/tokens/visit-delay.ts';

const epochMs = z.pipe(
  z.number(),
  z.transform((ms) => ms as EpochMs),
);
const Work = z.object({
  accountId: z.string().check(z.minLength(1)),
  task: z._default(z.enum(['visit', 'disconnect', 'appeal'] satisfies SweepTask[]), 'visit'),
  /** Of a visit: when the next one makes this one needless. */
  until: z.optional(epochMs),
  /** How often it was tried before. */
  tries: z._default(z.number(), 0),
});
type Work = z.output<typeof Work>;

const connections = table();
const tokens = jobberTokens(connections);
const { resume } = jobberDisconnect(connections, tokens);
const { visit } = visits({
  tokens,
  table: connections,
  clock,
  keepWarm: environment.keepWarm(),
  validityLeft: (left) => seconds('ValidityLeft', left),
});
const queue = { client: aws.sqs(), url: environment.refreshQueueUrl() };
const processor = new BatchProcessor(EventType.SQS);

/**
 * Does what a sweep queued: visits, disconnects, appeals. What fails for now goes back to the queue for later, and what fails
 * unexpectedly stays in it, until it is a dead letter.
 */
export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const deadline = plus(clock.now(), context.getRemainingTimeInMillis() - 1_000);
  /** By the ids of the messages that they follow. */
  const later = new Map<string, Message>();
  try {
    const work = async ({ body, messageId }: SQSRecord) => {
      const again = await attempt(Work.parse(JSON.parse(body)), deadline);
      if (again) later.set(messageId, again);
    };
    const { batchItemFailures } = await processPartialResponse(event, work, processor, {
      context,
      throwOnFullBatchFailure: false,
    });
    const { failed, cause } = await sendBatches(queue, [...later.values()]);
    // Twice in the queue is harmless; not at all is not.
    if (failed === 0) return { batchItemFailures };
    logger.warn('The queue did not take what is to be tried later.', { error: cause as Error });
    const kept = [...later.keys()].map((itemIdentifier) => ({ itemIdentifier }));
    return { batchItemFailures: [...batchItemFailures, ...kept] };
  } finally {
    publishMetrics();
  }
}

const tasks: Record<SweepTask, (work: Work, deadline: EpochMs) => Promise<void>> = {
  visit: ({ accountId, until }, deadline) => visit(accountId, deadline, until),
  disconnect,
  appeal: ({ accountId }, deadline) => tokens.appeal(accountId, { deadline }),
};

/** Returns what is to be tried later. */
async function attempt(work: Work, deadline: EpochMs): Promise<Message | undefined> {
  const { accountId, task } = work;
  try {
    await tasks[task](work, deadline);
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
    // The next sweep finds waiting disconnects and appeals again.
    return error.retryable && task === 'visit' ? later(work) : undefined;
  }
  return undefined;
}

/** The visit again after its delay; nothing if the next visit would come sooner. */
function later({
  accountId,
  task,
  until = plus(clock.now(), WARM_TURN),
  tries,
}: Work): Message | undefined {
  const delaySeconds = visitDelay(tries);
  if (plus(clock.now(), delaySeconds * 1_000) >= until) return undefined;
  return { group: accountId, body: { accountId, task, until, tries: tries + 1 }, delaySeconds };
}

/** While Jobber does not answer, the next sweep queues the connection again. */
async function disconnect({ accountId }: Work, deadline: EpochMs): Promise<void> {
  const outcome = await resume(accountId, deadline);
  if (outcome?.status === 'disconnecting') count('DisconnectWaiting');
  logger.info('Resumed disconnect.', { accountId, ...outcome });
}
