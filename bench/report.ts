import type { Result } from './result.ts';
import type { Spread } from './statistics.ts';

type Row = readonly (string | number)[];

const figure = (value: number, digits: number) =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
/** The median, and the middle half of the repetitions. */
const withSpread = ({ median, from, to }: Spread, digits = 2) =>
  `${figure(median, digits)} (${figure(from, digits)}–${figure(to, digits)})`;

/** What was measured, for a person to read. */
export function report(result: Result): string {
  const { operations, stampede, sweep, onPaper, coldStart, cost, goals } = result;
  return [
    section(
      `1. Operations: medians of ${operations.repetitions} repetitions (and their middle half)`,
      ['', 'ms', '× raw', 'calls', 'POSTs', 'read units', 'write units'],
      operations.operations.map(({ design, operation, ms, ofRaw, consumed }) => [
        `${operation}: ${design}`,
        withSpread(ms),
        withSpread(ofRaw),
        consumed.calls,
        consumed.posts,
        consumed.read,
        consumed.index > 0 ? `${consumed.write} + ${consumed.index}` : consumed.write,
      ]),
    ),
    section(
      `2. Stampede: ${stampede.callers} callers in ${stampede.processes} processes, token endpoint at ${stampede.endpointMs} ms; ` +
        `bare POST and 2 writes: ${withSpread(stampede.raw, 0)} ms`,
      ['', 'rounds', 'redemptions', 'errors', 'p50, ms', 'p99, ms', 'calls a caller', 'lost'],
      stampede.designs.map((each) => [
        each.design,
        each.rounds,
        withSpread(each.redemptions, 0),
        withSpread(each.errorsPerRound, 0),
        withSpread(each.p50, 0),
        withSpread(each.p99, 0),
        withSpread(each.callsPerCaller),
        `${each.lost} of ${each.rounds}`,
      ]),
    ),
    section(
      '3. Sweep, one in ten connections due',
      [
        'connections',
        'sweep, s',
        'peak, MB',
        'read units a due',
        'refreshes/s',
        'writes/s',
        'share',
      ],
      sweep.sizes.map((size) => [
        figure(size.connections, 0),
        figure(size.ms / 1000, 2),
        figure(size.peakMB, 0),
        figure(size.readUnitsPerDue, 3),
        withSpread(size.refreshesPerSecond, 0),
        withSpread(size.bareWritesPerSecond, 0),
        withSpread(size.ofCeiling),
      ]),
    ),
    section(
      '   On paper, by the measured slope',
      [
        'connections',
        'due',
        'sweep, s',
        'on AWS, s',
        'refreshes/s',
        'index units/shard/s',
        'functions',
      ],
      onPaper.map((each) => [
        figure(each.connections, 0),
        figure(each.duePerSweep, 0),
        figure(each.sweepSeconds, 0),
        figure(each.sweepSecondsOnAws, 0),
        figure(each.refreshesPerSecond, 0),
        figure(each.indexUnitsPerShardAndSecond, 0),
        figure(each.concurrentRefreshFunctions, 0),
      ]),
    ),
    section(
      '4. Cold start',
      ['', 'KB', 'load, ms', '× client', 'first answer, ms', '× client'],
      coldStart.map((each) => [
        each.name,
        figure(each.bytes / 1000, 0),
        withSpread(each.load, 0),
        withSpread(each.loadOfClient),
        withSpread(each.firstAnswer, 0),
        withSpread(each.firstAnswerOfClient),
      ]),
    ),
    section(
      '5. US dollars a month for a million connections',
      ['', 'writes', 'reads', 'queue, functions', 'secrets', 'total'],
      cost.map(({ design, writes, reads, queueAndFunctions, secrets, total }) => [
        design,
        ...[writes, reads, queueAndFunctions, secrets, total].map((dollars) => figure(dollars, 0)),
      ]),
    ),
    section(
      'Goals',
      ['', 'goal', 'measured', ''],
      goals.map(({ measure, goal, measured, met }) => [
        measure,
        goal,
        measured,
        met ? 'met' : 'MISSED',
      ]),
    ),
  ].join('\n');
}

function section(title: string, header: Row, rows: readonly Row[]): string {
  const cells = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? '').length)),
  );
  const lines = cells.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return `\n${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
