import { functions, SWEEP_EVERY_MINUTES } from '../functions/manifest.ts';
import { WARM_TURN } from '../shared/tokens/budgets.ts';
import type { SweepAlone } from './sweep-alone.ts';

/** What a number of connections, all in use, would ask for, by the rate that was measured and AWS's limits. */
export interface OnPaper {
  readonly connections: number;
  readonly duePerSweep: number;
  /** With the stand-in of this machine. */
  readonly sweepSeconds: number;
  readonly sweepSecondsOnAws: number;
  readonly refreshesPerSecond: number;
  /** Over all partitions; each takes 1,000 a second. The index is not written. */
  readonly writeUnitsPerSecond: number;
  /** Batches of 10 at once, at a second each. */
  readonly concurrentRefreshFunctions: number;
}

const SQS_REQUEST_SECONDS = 0.015;
/** As `shared/runtime/queue.ts` sends them. */
const SQS_REQUESTS_AT_ONCE = 16;
const BATCH = 10;
const BATCH_SECONDS = 1;
/** Lambda gives a whole processor with so much memory, and less in proportion. */
const MB_OF_A_PROCESSOR = 1_769;

const TURN_MINUTES = WARM_TURN / 60_000;

export function onPaper(alone: readonly SweepAlone[]): OnPaper[] {
  const largest = alone.at(-1);
  if (!largest) return [];
  return [1e6, 1e7].map((connections) => {
    const duePerSweep = (connections * SWEEP_EVERY_MINUTES) / TURN_MINUTES;
    const refreshesPerSecond = connections / (TURN_MINUTES * 60);
    return {
      connections,
      duePerSweep,
      sweepSeconds: (duePerSweep * largest.ms) / 1000 / largest.entries,
      sweepSecondsOnAws: (duePerSweep / BATCH) * sqsBatchSeconds(alone),
      refreshesPerSecond,
      writeUnitsPerSecond: refreshesPerSecond * 2,
      concurrentRefreshFunctions: (refreshesPerSecond / BATCH) * BATCH_SECONDS,
    };
  });
}

/**
 * What the sweep takes on AWS for a batch of 10 messages, in seconds: as long as SQS takes to answer, 16 batches at once, or as
 * long as the function computes, whose share of a processor is small.
 */
export function sqsBatchSeconds(alone: readonly SweepAlone[]): number {
  const { cpuMs = 0, entries = 1 } = alone.at(-1) ?? {};
  const share = functions['refresh-sweep'].memoryMB / MB_OF_A_PROCESSOR;
  const computing = cpuMs / 1000 / (entries / BATCH) / share;
  return Math.max(SQS_REQUEST_SECONDS / SQS_REQUESTS_AT_ONCE, computing);
}

/** How many connections in use a sweep can queue before it has to leave the rest to the next one. */
export function mostConnections(alone: readonly SweepAlone[]): number {
  const seconds = functions['refresh-sweep'].timeoutSeconds - 10;
  const due = (seconds / sqsBatchSeconds(alone)) * BATCH;
  return (due * TURN_MINUTES) / SWEEP_EVERY_MINUTES;
}
