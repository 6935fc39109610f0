import type { Context } from 'aws-lambda';
import * as aws from '../shared/runtime/aws.ts';
import { systemClock as clock, type EpochMs, plus } from '../shared/runtime/clock.ts';
import { dynamoDb } from '../shared/runtime/dynamodb.ts';
import { environment } from '../shared/runtime/environment.ts';
import { sendBatches } from '../shared/runtime/queue.ts';
import { count, logger, publishMetrics, seconds } from '../shared/runtime/telemetry.ts';
import { type SweepTask, sweepIndex } from '../shared/tokens/sweep-index.ts';
import { sweepProgress } from '../shared/tokens/sweep-progress.ts';
import { nextVisit, slotsBetween } from '../shared/tokens/sweep-wheel.ts';
import { SWEEP_EVERY_MINUTES } from './manifest.ts';

export interface SweepEvent {
  /** ISO 8601: for when EventBridge Scheduler meant this sweep. Without it: now. */
  readonly scheduledTime?: string;
  /** By hand: visits every connection now. */
  readonly everything?: boolean;
}

export interface SweepResult {
  /** Connections queued to be visited, disconnected or appealed. */
  readonly queued: number;
  /** Whether all slots were read; the next sweep goes on where this one stopped. */
  readonly complete: boolean;
}

const db = dynamoDb();
const tableName = environment.tableName();
const index = sweepIndex(db, tableName);
const progress = sweepProgress(db, tableName);
const queue = { client: aws.sqs(), url: environment.refreshQueueUrl() };
const STOP_BEFORE_TIMEOUT_MS = 10_000;

/**
 * Every 5 minutes: queues the connections whose slot has come round since the last sweep, the disconnects that wait, and the
 * appeals that are due. Sees no token.
 */
export async function handler(
  { scheduledTime, everything = false }: SweepEvent,
  context: Context,
): Promise<SweepResult> {
  const now = timeOf(scheduledTime);
  const last = (await progress.get(now)) ?? plus(now, -SWEEP_EVERY_MINUTES * 60_000);
  const sent = { queued: 0, failed: 0, cause: undefined as unknown };
  let sweptUntil = last;
  let complete = true;
  try {
    complete =
      (await send('disconnect', index.inSlot('disconnecting'))) &&
      (await send('appeal', index.appeals(clock.now()))) &&
      (everything ? await send('visit', index.inAllSlots()) : await sweepSlots());
    const { queued, failed, cause } = sent;
    if (failed > 0) throw new Error(`${failed} connections could not be queued.`, { cause });
    logger.info('Swept.', { queued, complete });
    return { queued, complete };
  } finally {
    if (sweptUntil > last) await progress.set(sweptUntil);
    count('SweepQueued', sent.queued);
    seconds('SweepLag', Math.max(0, (clock.now() - sweptUntil) / 1_000));
    publishMetrics();
  }

  async function sweepSlots(): Promise<boolean> {
    for (const { begins, slots } of slotsBetween(last, now)) {
      for (const slot of slots) {
        const until = nextVisit(slot, begins);
        if (!(await send('visit', index.inSlot(slot), { until }))) return false;
      }
      sweptUntil = begins;
    }
    return true;
  }

  /** Returns whether all of them were sent. */
  async function send(
    task: SweepTask,
    pages: AsyncGenerator<string[]>,
    more: { until?: EpochMs } = {},
  ): Promise<boolean> {
    for await (const accountIds of pages) {
      if (context.getRemainingTimeInMillis() < STOP_BEFORE_TIMEOUT_MS) return false;
      const { accepted, failed, cause } = await sendBatches(
        queue,
        accountIds.map((accountId) => ({ group: accountId, body: { accountId, task, ...more } })),
      );
      sent.queued += accepted;
      sent.failed += failed;
      sent.cause ??= cause;
      if (failed > 0) return false;
    }
    return true;
  }
}

/** @throws Error */
function timeOf(scheduledTime: string | undefined): EpochMs {
  if (scheduledTime === undefined) return clock.now();
  const time = Date.parse(scheduledTime);
  if (Number.isNaN(time)) throw new Error('scheduledTime must be a time of ISO 8601, in UTC.');
  // Slots ahead of the time are not due.
  return Math.min(time, clock.now()) as EpochMs;
}
