import { createRequire } from 'node:module';
import { functions } from '../functions/manifest.ts';
import type { EpochMs } from '../shared/runtime/clock.ts';
import { countRequests, type Requests } from './requests.ts';
import { serve } from './serve.ts';

/* The bundled `refresh-sweep`, in a process that does nothing else. */

export interface Sweep {
  /** For when it is meant. */
  readonly at: EpochMs;
  /** @default as deployed */
  readonly timeoutMs?: number;
}

export interface Swept {
  readonly queued: number;
  readonly complete: boolean;
  readonly ms: number;
  readonly cpuMs: number;
  readonly requests: Requests;
  /** The most memory that the process ever had, Node and this measurement included. */
  readonly peakMB: number;
}

const SWEEP_TIMEOUT_MS = functions['refresh-sweep'].timeoutSeconds * 1_000;
const bundle = process.env['BUNDLE'] ?? '';
const { handler } = createRequire(bundle)(bundle);
const requests = countRequests();

serve(async ({ at, timeoutMs = SWEEP_TIMEOUT_MS }: Sweep): Promise<Swept> => {
  requests();
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const context = { getRemainingTimeInMillis: () => started + timeoutMs - performance.now() };
  const swept = await handler({ scheduledTime: new Date(at).toISOString() }, context);
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpuBefore);
  const peakMB = process.resourceUsage().maxRSS / 1024;
  return { ...swept, ms, cpuMs: (user + system) / 1000, requests: requests(), peakMB };
});
