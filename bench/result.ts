import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ColdStart, measureColdStart } from './cold-start.ts';
import { type Cost, costs } from './cost.ts';
import { type Goal, goals } from './goals.ts';
import { measureOperations, type OperationsResult } from './operations.ts';
import { type OnPaper, onPaper } from './paper.ts';
import type { Services } from './services.ts';
import { measureStampede, type StampedeResult } from './stampede.ts';
import { measureSweep, type SweepResult } from './sweep.ts';

export interface Result {
  readonly at: string;
  readonly node: string;
  readonly cpus: number;
  readonly table: 'dynalite' | 'DYNAMODB_ENDPOINT';
  readonly seconds: number;
  readonly operations: OperationsResult;
  readonly stampede: StampedeResult;
  readonly sweep: SweepResult;
  readonly onPaper: readonly OnPaper[];
  readonly coldStart: readonly ColdStart[];
  readonly cost: readonly Cost[];
  readonly goals: readonly Goal[];
}

export const FULL = {
  operations: { repetitions: 13, operationsEach: 20 },
  stampede: { rounds: 50, processes: 8, callers: 1_000, endpointMs: 200, secondsEach: 22 },
  sweep: { sizes: [1_000, 10_000, 100_000], processes: 2, batches: 3, sliceMs: 2_000 },
  coldStart: { runs: 17 },
};

/** To see that it works; its numbers say nothing. */
export const SHORT: typeof FULL = {
  operations: { repetitions: 2, operationsEach: 5 },
  stampede: { rounds: 2, processes: 2, callers: 20, endpointMs: 50, secondsEach: 10 },
  sweep: { sizes: [100, 1_000], processes: 2, batches: 2, sliceMs: 500 },
  coldStart: { runs: 2 },
};

export async function measureAll(
  services: Services,
  options: typeof FULL,
  progress: (what: string) => void,
): Promise<Result> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-bench-'));
  try {
    progress('operations');
    const operations = await measureOperations(services, options.operations);
    progress('stampede');
    const stampede = await measureStampede(services, options.stampede);
    progress('cold start');
    const coldStart = await measureColdStart(services, options.coldStart, folder);
    progress('sweep');
    const sweep = await measureSweep(services, options.sweep, folder);
    return {
      at: new Date().toISOString(),
      node: process.version,
      cpus: availableParallelism(),
      table: process.env['DYNAMODB_ENDPOINT'] ? 'DYNAMODB_ENDPOINT' : 'dynalite',
      seconds: Math.round((performance.now() - started) / 1000),
      operations,
      stampede,
      sweep,
      onPaper: onPaper(sweep),
      coldStart,
      cost: costs(operations, sweep),
      goals: goals(operations, stampede, sweep, coldStart),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
