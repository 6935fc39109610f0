import type { Context, ScheduledEvent } from 'aws-lambda';
import * as aws from '../shared/runtime/aws.ts';
import { systemClock as clock, plus, toSeconds } from '../shared/runtime/clock.ts';
import { dynamoDb } from '../shared/runtime/dynamodb.ts';
import { environment } from '../shared/runtime/environment.ts';
import { sendBatches } from '../shared/runtime/queue.ts';
import { count, logger, publishMetrics, seconds } from '../shared/runtime/telemetry.ts';
import { REFRESH_AHEAD_S } from '../shared/tokens/budgets.ts';
import { dueConnections } from '../shared/tokens/due-index.ts';

const db = dynamoDb();
const queue = { client: aws.sqs(), url: environment.refreshQueueUrl() };
const tableName = environment.tableName();
const STOP_BEFORE_TIMEOUT_MS = 10_000;

export interface SweepResult {
  /** Connections queued for a refresh. */
  readonly queued: number;
  /** Whether all that are due were seen; the next sweep goes on where this one stopped. */
  readonly complete: boolean;
}

/** Every 5 minutes: queues what is due, a refresh, a disconnect that waits, or an appeal. Sees no token. */
export async function handler(
  _event: Partial<ScheduledEvent>,
  context: Context,
): Promise<SweepResult> {
  const now = clock.now();
  const horizon = plus(toSeconds(now), REFRESH_AHEAD_S);
  let queued = 0;
  let failed = 0;
  let complete = true;
  let soonest = horizon;
  try {
    for await (const due of dueConnections(db, tableName, { horizon, now })) {
      if (context.getRemainingTimeInMillis() < STOP_BEFORE_TIMEOUT_MS) {
        complete = false;
        break;
      }
      const sent = await sendBatches(
        queue,
        due.map(({ accountId, task }) => ({ group: accountId, body: { accountId, task } })),
      );
      queued += sent.accepted;
      failed += sent.failed;
      for (const { accessTokenExpiresAt = horizon } of due) {
        if (accessTokenExpiresAt < soonest) soonest = accessTokenExpiresAt;
      }
    }
    if (failed > 0) throw new Error(`${failed} due connections could not be queued.`);
    logger.info('Swept.', { queued, complete });
    return { queued, complete };
  } finally {
    count('SweepQueued', queued);
    seconds('SweepLag', horizon - soonest);
    publishMetrics();
  }
}
