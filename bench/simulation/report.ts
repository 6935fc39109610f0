import type { Run } from './run.ts';

const COLUMNS: readonly [title: string, value: (run: Run) => number | null | undefined][] = [
  ['consumers', (run) => run.maxConcurrentRefreshes],
  ['busy', (run) => run.consumersBusy],
  ['refr/s', (run) => run.refreshesPerSecond],
  ['peak/s', (run) => run.peakPerSecond],
  ['by callers', (run) => run.peakByCallersPerSecond],
  ['age s', (run) => run.queueAge],
  ['later', (run) => run.queueAgeFromOutage],
  ['at end', (run) => run.queueAtEnd],
  ['valid s', (run) => run.leastValidity],
  ['sweep lag', (run) => run.sweepLag],
  ['waited', (run) => run.callersWhoWaited],
  ['no token', (run) => run.callersWithoutToken],
  ['again', (run) => run.sentAgain],
  ['breaker/s', (run) => run.breakerWritesPerSecond],
  ['closed', (run) => run.afterOutage?.breakerClosedAfterMinutes],
  ['served', (run) => run.afterOutage?.everyCallerServedAfterMinutes],
  ['no wait', (run) => run.afterOutage?.noCallerWaitsAfterMinutes],
  ['refreshed', (run) => run.afterOutage?.allRefreshedAfterMinutes],
  ['short', (run) => run.afterOutage?.queueShortAfterMinutes],
];

/** A row for each scenario. The last five columns are minutes since Jobber was back. */
export function report(runs: readonly Run[]): string {
  const head = ['', ...COLUMNS.map(([title]) => title)];
  const rows = runs.map((run) => [
    run.name,
    ...COLUMNS.map(
      ([, value]) => value(run)?.toLocaleString('en', { maximumFractionDigits: 0 }) ?? '–',
    ),
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return [head, ...rows].map(line).join('\n');
}
