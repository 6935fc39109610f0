import { SWEEP_EVERY_MINUTES } from '../functions/manifest.ts';
import { SWEEP_SHARDS } from '../shared/tokens/connection.ts';
import { MINUTES_BETWEEN_REFRESHES } from './cost.ts';
import type { SweepResult } from './sweep.ts';

/** What a number of connections would ask for, by the slope that was measured and AWS's limits. */
export interface OnPaper {
  readonly connections: number;
  readonly duePerSweep: number;
  /** With the queue and the table of this machine. */
  readonly sweepSeconds: number;
  /** With 10 ms for each request to SQS, one after the other. */
  readonly sweepSecondsOnAws: number;
  readonly refreshesPerSecond: number;
  /** A partition of DynamoDB takes 1,000 a second; each shard of the index is one at least. */
  readonly indexUnitsPerShardAndSecond: number;
  /** Batches of 10 at once, at a second each. */
  readonly concurrentRefreshFunctions: number;
}

const SQS_REQUEST_SECONDS = 0.01;
const BATCH_SECONDS = 1;

export function onPaper({ sizes }: SweepResult): OnPaper[] {
  const [small, large] = [sizes[0], sizes.at(-1)];
  if (!small || !large) return [];
  const secondsPerDue =
    small === large
      ? large.ms / 1000 / large.queued
      : (large.ms - small.ms) / 1000 / (large.queued - small.queued);
  return [1e6, 1e7].map((connections) => {
    const duePerSweep = (connections * SWEEP_EVERY_MINUTES) / MINUTES_BETWEEN_REFRESHES;
    const refreshesPerSecond = connections / (MINUTES_BETWEEN_REFRESHES * 60);
    return {
      connections,
      duePerSweep,
      sweepSeconds: duePerSweep * secondsPerDue,
      sweepSecondsOnAws: (duePerSweep / 10) * SQS_REQUEST_SECONDS,
      refreshesPerSecond,
      indexUnitsPerShardAndSecond: (refreshesPerSecond * 2) / SWEEP_SHARDS,
      concurrentRefreshFunctions: (refreshesPerSecond / 10) * BATCH_SECONDS,
    };
  });
}
