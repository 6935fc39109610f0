import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Design } from './design.ts';
import { type DesignName, designNames, designs } from './designs.ts';
import { countRequests, type Requests } from './requests.ts';
import { serve } from './serve.ts';
import type { Addresses } from './services.ts';

/* One process of several, each with many callers who ask for the same token at the same moment. */

export interface WorkerOptions {
  readonly at: Addresses;
  readonly tables: Readonly<Record<DesignName, string>>;
}

export interface Rush {
  readonly design: DesignName;
  readonly accountId: string;
  readonly callers: number;
  /** Milliseconds since the epoch: the same moment for all processes. */
  readonly startsAt: number;
}

export interface Rushed {
  /** Until each caller that got a token had it, in milliseconds. */
  readonly took: readonly number[];
  readonly errors: readonly string[];
  readonly requests: Requests;
}

const { at, tables } = JSON.parse(process.env['STAMPEDE'] ?? '') as WorkerOptions;
const db = new DynamoDBClient({ endpoint: at.tableUrl, maxAttempts: 3 });
const opened = new Map<DesignName, Design>(
  designNames.map((name) => [name, designs[name]({ at, db, tableName: tables[name] })]),
);
const requests = countRequests();

serve(async ({ design, accountId, callers, startsAt }: Rush): Promise<Rushed> => {
  requests();
  await delay(Math.max(0, startsAt - Date.now()));
  const started = performance.now();
  const calls = Array.from({ length: callers }, async () => {
    await opened.get(design)?.getToken(accountId);
    return performance.now() - started;
  });
  const results = await Promise.allSettled(calls);
  return {
    took: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    errors: results.flatMap((result) =>
      result.status === 'rejected' ? [String(result.reason?.message)] : [],
    ),
    requests: requests(),
  };
});
