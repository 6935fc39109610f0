import { pathToFileURL } from 'node:url';
import { bundle, bundleFunction } from '../build/bundle.ts';
import { functions, SWEEP_EVERY_MINUTES } from '../functions/manifest.ts';
import { systemClock } from '../shared/runtime/clock.ts';
import { startProcess } from './processes.ts';
import type { Accepted, StandIn } from './stand-in-process.ts';
import type { Sweep, Swept } from './sweep-process.ts';

/** One run of the bundled sweep, while a stand-in answers for the table and the queue. */
export interface SweepAlone extends Swept {
  /** Connections in the slots that it visits. */
  readonly entries: number;
}

const TIMEOUT_MS = 900_000;

/** A process for each size, with as much memory as the function has. */
export async function measureSweepAlone(
  sizes: readonly number[],
  folder: string,
): Promise<SweepAlone[]> {
  const sweep = await bundleFunction('refresh-sweep', folder);
  // Without the types, so that Node's compiler of TypeScript takes no memory.
  const { file } = await bundle('bench/sweep-process.ts', `${folder}/sweep-process`);
  const standIn = await startProcess<{ url: string }>('stand-in-process.ts');
  const { url } = standIn.first;
  const measured: SweepAlone[] = [];
  for (const entries of sizes) {
    await standIn.ask<Accepted>({ perSlot: entries / SWEEP_EVERY_MINUTES } satisfies StandIn);
    const process = await startProcess(pathToFileURL(file).href, {
      NODE_OPTIONS: heapOptions(functions['refresh-sweep'].memoryMB),
      BUNDLE: sweep.file,
      AWS_ENDPOINT_URL_DYNAMODB: url,
      AWS_ENDPOINT_URL_SQS: url,
      TABLE_NAME: 'connections',
      REFRESH_QUEUE_URL: `${url}/000000000000/refresh`,
    });
    const request: Sweep = { at: systemClock.now(), timeoutMs: TIMEOUT_MS };
    const swept = await process.ask<Swept>(request);
    await process.stop();
    const accepted = await standIn.ask<Accepted>({ perSlot: 0 } satisfies StandIn);
    if (!swept.complete || swept.queued !== entries || accepted !== entries) {
      throw new Error(`Of ${entries} connections ${accepted} were queued.`);
    }
    measured.push({ entries, ...swept });
  }
  await standIn.stop();
  return measured;
}

/**
 * How Lambda starts Node (`/var/runtime/bootstrap` of its images): 5 % of the memory for each half of the young objects. V8
 * lets garbage fill them, and with the defaults of a large machine that is far more.
 */
function heapOptions(memoryMB: number): string {
  const young = Math.floor(memoryMB / 10);
  return `--max-semi-space-size=${Math.floor(young / 2)} --max-old-space-size=${memoryMB - young}`;
}
