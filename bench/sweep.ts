import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { bundleFunction } from '../build/bundle.ts';
import { SWEEP_EVERY_MINUTES } from '../functions/manifest.ts';
import { type EpochMs, plus, systemClock } from '../shared/runtime/clock.ts';
import { sweepIndex } from '../shared/tokens/sweep-index.ts';
import { slotsBetween } from '../shared/tokens/sweep-wheel.ts';
import type { ConsumerOptions, Work, Worked } from './consumer-process.ts';
import { type ManyConnections, manyConnections } from './many-connections.ts';
import { type Process, startProcess } from './processes.ts';
import { environmentOf, type Services } from './services.ts';
import { type Spread, spread } from './statistics.ts';
import type { Sweep, Swept } from './sweep-process.ts';
import { countUnits } from './units.ts';

export interface SweepOptions {
  readonly sizes: readonly number[];
  readonly processes: number;
  /** Of 10 connections each, at once in each process. */
  readonly batches: number;
  /** Refreshes and bare writes take turns, the writes of half this length. */
  readonly sliceMs: number;
}

export interface SweepSize extends Swept {
  readonly connections: number;
  readonly due: number;
  /** Read units of the sweep's queries for each connection that is due. */
  readonly readUnitsPerDue: number;
  readonly refreshed: number;
  /** Until all were refreshed, without the turns of the bare writes. */
  readonly refreshMs: number;
  readonly refreshesPerSecond: Spread;
  readonly bareWritesPerSecond: Spread;
  /** Of the writes that the table takes when nothing else is done, how many refreshing made. */
  readonly ofCeiling: Spread;
  /**
   * The same by the CPU time of the table's process: what two bare writes cost it, of what a refresh does. It leaves out
   * that the consumers and Jobber share two cores with the table here. `undefined` if that process is not ours.
   */
  readonly ofCeilingByTableCpu: Spread | undefined;
  /** For each refreshed connection, by operation, the sweep's included. */
  readonly requestsPerRefresh: Readonly<Record<string, number>>;
}

export interface SweepResult extends Omit<SweepOptions, 'sizes'> {
  readonly sizes: readonly SweepSize[];
}

const FIRST_ACCOUNT = 10_000_000;
/** Of the bare writes. */
const MOST_TURNS = 10;

export async function measureSweep(
  services: Services,
  { sizes, ...options }: SweepOptions,
  folder: string,
): Promise<SweepResult> {
  const bundles = {
    sweep: (await bundleFunction('refresh-sweep', folder)).file,
    consumer: (await bundleFunction('refresh-connection', folder)).file,
  };
  const measured: SweepSize[] = [];
  for (const [turn, connections] of sizes.entries()) {
    const at = systemClock.now();
    const many = await manyConnections(services, FIRST_ACCOUNT * (turn + 1), connections, at);
    measured.push(await measureSize(connections, many, at));
  }
  return { ...options, sizes: measured };

  async function measureSize(
    connections: number,
    many: ManyConnections,
    at: EpochMs,
  ): Promise<SweepSize> {
    const env = environmentOf(services.at, many.tableName);
    const readUnits = await unitsOfQueries(services, many.tableName, at);
    const sweeper = await startProcess('sweep-process.ts', { ...env, BUNDLE: bundles.sweep });
    const swept = await sweeper.ask<Swept>({ at } satisfies Sweep);
    await sweeper.stop();
    const consumers = await startConsumers(many, env);
    const refreshing = await drain(consumers);
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    if (refreshing.refreshed !== swept.queued) {
      throw new Error(`Of ${swept.queued} due connections ${refreshing.refreshed} were refreshed.`);
    }
    const requests = Object.entries(swept.requests);
    for (const [name, count] of requests) {
      refreshing.requests[name] = (refreshing.requests[name] ?? 0) + count;
    }
    return {
      connections,
      due: many.due,
      ...swept,
      readUnitsPerDue: readUnits / swept.queued,
      refreshed: refreshing.refreshed,
      refreshMs: refreshing.ms,
      refreshesPerSecond: spread(refreshing.refreshes),
      bareWritesPerSecond: spread(refreshing.writes),
      ofCeiling: spread(
        refreshing.refreshes.map((rate, slice) => (2 * rate) / (refreshing.writes[slice] ?? 0)),
      ),
      ofCeilingByTableCpu:
        refreshing.cpuShares.length > 0 ? spread(refreshing.cpuShares) : undefined,
      requestsPerRefresh: Object.fromEntries(
        Object.entries(refreshing.requests).map(([n, count]) => [n, count / refreshing.refreshed]),
      ),
    };
  }

  function startConsumers({ tableName, others }: ManyConnections, env: NodeJS.ProcessEnv) {
    const each = Math.floor(others.length / options.processes);
    return Promise.all(
      Array.from({ length: options.processes }, (_, index) => {
        const consumer: ConsumerOptions = {
          at: services.at,
          tableName,
          bundle: bundles.consumer,
          batches: options.batches,
          writeTo: others.slice(index * each, Math.min((index + 1) * each, index * each + 1_000)),
        };
        return startProcess('consumer-process.ts', { ...env, CONSUMER: JSON.stringify(consumer) });
      }),
    );
  }

  /** Until the queue is empty. */
  async function drain(consumers: readonly Process<unknown>[]) {
    const total = { refreshed: 0, ms: 0, requests: {} as Record<string, number> };
    const refreshes: number[] = [];
    const writes: number[] = [];
    const cpuShares: number[] = [];
    for (let drained = false; !drained; ) {
      const cpuBefore = await services.tableCpuMs();
      const refreshed = await together(consumers, { kind: 'refresh', forMs: options.sliceMs });
      const cpuBetween = await services.tableCpuMs();
      drained = refreshed.drained;
      total.refreshed += refreshed.done;
      total.ms += refreshed.ms;
      for (const [name, count] of Object.entries(refreshed.requests)) {
        total.requests[name] = (total.requests[name] ?? 0) + count;
      }
      // The rest of a queue keeps nobody busy.
      const isRest = drained && refreshes.length > 0;
      if (isRest || refreshes.length === MOST_TURNS) continue;
      refreshes.push((refreshed.done * 1000) / refreshed.ms);
      const bare = await together(consumers, { kind: 'write', forMs: options.sliceMs / 2 });
      writes.push((bare.done * 1000) / bare.ms);
      const cpuAfter = await services.tableCpuMs();
      if (cpuBefore === undefined || cpuBetween === undefined || cpuAfter === undefined) continue;
      const aWrite = (cpuAfter - cpuBetween) / bare.done;
      cpuShares.push((2 * aWrite) / ((cpuBetween - cpuBefore) / refreshed.done));
    }
    return { ...total, refreshes, writes, cpuShares };
  }
}

async function together(consumers: readonly Process<unknown>[], work: Work): Promise<Worked> {
  const all = await Promise.all(consumers.map((consumer) => consumer.ask<Worked>(work)));
  const requests: Record<string, number> = {};
  for (const worked of all) {
    for (const [name, count] of Object.entries(worked.requests)) {
      requests[name] = (requests[name] ?? 0) + count;
    }
  }
  return {
    done: all.reduce((sum, { done }) => sum + done, 0),
    ms: Math.max(...all.map(({ ms }) => ms)),
    drained: all.every(({ drained }) => drained),
    requests,
  };
}

/** The sweep's own queries, by a client that asks for the capacity. */
async function unitsOfQueries(
  { at }: Services,
  tableName: string,
  sweptAt: EpochMs,
): Promise<number> {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint: at.tableUrl }));
  const units = countUnits(client);
  const index = sweepIndex(client, tableName);
  const last = plus(sweptAt, -SWEEP_EVERY_MINUTES * 60_000);
  const slots = slotsBetween(last, sweptAt).flatMap((minute) => minute.slots);
  for (const slot of ['disconnecting', ...slots] as const) {
    for await (const _ of index.inSlot(slot));
  }
  for await (const _ of index.appeals(sweptAt));
  client.destroy();
  return units().read;
}
