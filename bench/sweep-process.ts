import { createRequire } from 'node:module';
import { lambdaContext } from '../local/functions.ts';
import { serve } from './processes.ts';
import { countRequests, type Requests } from './requests.ts';

/* The bundled `refresh-sweep`, in a process that does nothing else. */

export interface Swept {
  readonly queued: number;
  readonly complete: boolean;
  readonly ms: number;
  readonly requests: Requests;
  /** The most memory that the process ever had, Node and this measurement included. */
  readonly peakMB: number;
}

const LAMBDA_TIMEOUT_MS = 240_000;
const { handler } = createRequire(import.meta.url)(process.env['BUNDLE'] ?? '');
const requests = countRequests();

serve(async (): Promise<Swept> => {
  requests();
  const started = performance.now();
  const swept = await handler({}, lambdaContext('refresh-sweep', Date.now() + LAMBDA_TIMEOUT_MS));
  const ms = performance.now() - started;
  const peakMB = process.resourceUsage().maxRSS / 1024;
  return { ...swept, ms, requests: requests(), peakMB };
});
