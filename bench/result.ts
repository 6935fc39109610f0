import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ColdStart, measureColdStart } from './cold-start.ts';
import { type Cost, costs } from './cost.ts';
import { type Goal, goals } from './goals.ts';
import { measureOperations, type OperationsOptions, type OperationsResult } from './operations.ts';
import { type OnPaper, onPaper } from './paper.ts';
import { type Services, startServices } from './services.ts';
import { measureStampede, type StampedeOptions, type StampedeResult } from './stampede.ts';
import { measureSweep, type SweepOptions, type SweepResult } from './sweep.ts';
import { measureSweepAlone, type SweepAlone } from './sweep-alone.ts';

export interface Result {
  readonly at: string;
  readonly node: string;
  readonly cpus: number;
  readonly seconds: number;
  readonly operations: OperationsResult;
  /** The same on the DynamoDB at `DYNAMODB_ENDPOINT`, if that is set. */
  readonly operationsThere: OperationsResult | undefined;
  readonly stampede: StampedeResult;
  readonly sweep: SweepResult;
  readonly sweepAlone: readonly SweepAlone[];
  readonly onPaper: readonly OnPaper[];
  readonly coldStart: readonly ColdStart[];
  readonly cost: Cost;
  readonly goals: readonly Goal[];
}

interface Options {
  readonly operations: OperationsOptions;
  readonly stampede: StampedeOptions;
  readonly sweep: SweepOptions;
  readonly sweepAlone: readonly number[];
  readonly coldStart: { readonly runs: number };
}

export const FULL: Options = {
  operations: {
    repetitions: 13,
    warmUps: { dynalite: 1, DYNAMODB_ENDPOINT: 10 },
    operationsEach: 20,
  },
  stampede: { rounds: 50, processes: 8, callers: 1_000, endpointMs: 200, secondsEach: 22 },
  sweep: { sizes: [1_000, 10_000, 100_000], processes: 2, batches: 3, sliceMs: 2_000 },
  sweepAlone: [1_000, 10_000, 100_000, 1_000_000],
  coldStart: { runs: 17 },
};

/** To see that it works; its numbers say nothing. */
export const SHORT: Options = {
  operations: {
    repetitions: 2,
    warmUps: { dynalite: 1, DYNAMODB_ENDPOINT: 1 },
    operationsEach: 5,
  },
  stampede: { rounds: 2, processes: 2, callers: 20, endpointMs: 50, secondsEach: 10 },
  sweep: { sizes: [100, 1_000], processes: 2, batches: 2, sliceMs: 500 },
  sweepAlone: [100, 1_000],
  coldStart: { runs: 2 },
};

export async function measureAll(
  services: Services,
  options: Options,
  progress: (what: string) => void,
): Promise<Result> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-bench-'));
  try {
    progress('operations');
    const operations = await measureOperations(services, options.operations);
    const operationsThere = await measureThere(options.operations, progress);
    progress('stampede');
    const stampede = await measureStampede(services, options.stampede);
    progress('cold start');
    const coldStart = await measureColdStart(services, options.coldStart, folder);
    progress('sweep');
    const sweep = await measureSweep(services, options.sweep, folder);
    progress('sweep alone');
    const sweepAlone = await measureSweepAlone(options.sweepAlone, folder);
    const cost = costs(operationsThere ?? operations, sweepAlone);
    return {
      at: new Date().toISOString(),
      node: process.version,
      cpus: availableParallelism(),
      seconds: Math.round((performance.now() - started) / 1000),
      operations,
      operationsThere,
      stampede,
      sweep,
      sweepAlone,
      onPaper: onPaper(sweepAlone),
      coldStart,
      cost,
      goals: goals({ operations, operationsThere, stampede, sweep, sweepAlone, coldStart, cost }),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measureThere(
  options: OperationsOptions,
  progress: (what: string) => void,
): Promise<OperationsResult | undefined> {
  const tableUrl = process.env['DYNAMODB_ENDPOINT'];
  if (!tableUrl) return undefined;
  progress('operations on DYNAMODB_ENDPOINT');
  const services = await startServices(tableUrl);
  try {
    return await measureOperations(services, options);
  } finally {
    await services.stop();
  }
}
