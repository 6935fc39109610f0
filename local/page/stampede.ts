import { fork } from 'node:child_process';
import { once } from 'node:events';

export interface StampedeResult {
  readonly callers: number;
  readonly processes: number;
  /** Callers that got a token. */
  readonly served: number;
  readonly distinctTokens: number;
  /** Codes of the errors that callers got. */
  readonly errors: readonly string[];
  /** From the start signal until the last caller had its answer, in milliseconds. */
  readonly took: number;
}

/** What a caller process reports: digests, so that no token leaves it. */
export interface CallerReport {
  readonly tokens: readonly string[];
  readonly errors: readonly string[];
}

/** Many callers in several processes ask for the same account's token at the same moment. */
export async function stampede(
  accountId: string,
  callers: number,
  processes: number,
): Promise<StampedeResult> {
  const children = Array.from({ length: processes }, () =>
    fork(
      new URL('./caller-process.ts', import.meta.url),
      [accountId, String(callers / processes)],
      {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      },
    ),
  );
  try {
    await Promise.all(children.map((child) => once(child, 'message')));
    const started = performance.now();
    const reports = await Promise.all(
      children.map(async (child) => {
        const report = once(child, 'message');
        child.send('go');
        return (await report)[0] as CallerReport;
      }),
    );
    const tokens = reports.flatMap((report) => report.tokens);
    return {
      callers,
      processes,
      served: tokens.length,
      distinctTokens: new Set(tokens).size,
      errors: reports.flatMap((report) => report.errors),
      took: Math.round(performance.now() - started),
    };
  } finally {
    for (const child of children) child.kill();
  }
}
