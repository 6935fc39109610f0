import type { Cost, Fleet } from './cost.ts';
import type { OperationsResult } from './operations.ts';
import { mostConnections } from './paper.ts';
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
  const { operations, operationsThere, stampede, sweep, sweepAlone, coldStart, cost } = result;
  return [
    ofOperations('1. Operations', operations),
    ...(operationsThere ? [ofOperations('   Operations', operationsThere)] : []),
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
      '3. Sweep and refreshes, the slots of 5 minutes due',
      [
        'connections',
        'due',
        'sweep, s',
        'read units a due',
        'refreshes/s',
        'writes/s',
        'share',
        'by CPU',
      ],
      sweep.sizes.map((size) => [
        figure(size.connections, 0),
        figure(size.due, 0),
        figure(size.ms / 1000, 2),
        figure(size.readUnitsPerDue, 3),
        withSpread(size.refreshesPerSecond, 0),
        withSpread(size.bareWritesPerSecond, 0),
        withSpread(size.ofCeiling),
        size.ofCeilingByTableCpu ? withSpread(size.ofCeilingByTableCpu) : '',
      ]),
    ),
    section(
      '   The sweep alone, beside a stand-in for the table and the queue',
      ['entries', 's', 'entries/s', 'CPU, ms a batch', 'peak, MB'],
      sweepAlone.map(({ entries, ms, cpuMs, peakMB }) => [
        figure(entries, 0),
        figure(ms / 1000, 2),
        figure((entries * 1000) / ms, 0),
        figure((cpuMs * 10) / entries, 2),
        figure(peakMB, 0),
      ]),
    ),
    section(
      `   On paper, at this rate; one sweep keeps up to ${figure(mostConnections(sweepAlone) / 1e6, 1)} million`,
      ['connections', 'due', 'sweep, s', 'on AWS, s', 'refreshes/s', 'write units/s', 'functions'],
      result.onPaper.map((each) => [
        figure(each.connections, 0),
        figure(each.duePerSweep, 0),
        figure(each.sweepSeconds, 0),
        figure(each.sweepSecondsOnAws, 0),
        figure(each.refreshesPerSecond, 0),
        figure(each.writeUnitsPerSecond, 0),
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
    ...ofCost(cost),
    section(
      'Goals',
      ['', 'goal', 'measured', ''],
      result.goals.map(({ measure, goal, measured, met }) => [
        measure,
        goal,
        measured,
        met ? 'met' : 'MISSED',
      ]),
    ),
  ].join('\n');
}

function ofOperations(title: string, { store, repetitions, operations }: OperationsResult): string {
  return section(
    `${title} on ${store}: medians of ${repetitions} repetitions (and their middle half)`,
    ['', 'ms', '× raw', '× with conditions', 'calls', 'POSTs', 'read units', 'write units'],
    operations.map(({ design, operation, ms, ofRaw, ofRawWithConditions, consumed }) => [
      `${operation}: ${design}`,
      withSpread(ms),
      withSpread(ofRaw),
      ofRawWithConditions ? withSpread(ofRawWithConditions) : '',
      consumed.calls,
      consumed.posts,
      consumed.read,
      consumed.index > 0 ? `${consumed.write} + ${consumed.index}` : consumed.write,
    ]),
  );
}

function ofCost({ bills, designs }: Cost): string[] {
  const allInUse = bills.filter(({ inUse }) => inUse === 1);
  const first = allInUse[0];
  const fleets = allInUse.map(({ connections }) => figure(connections, 0));
  const uses = [...new Set(bills.map(({ inUse }) => inUse))];
  const names = [...new Set(designs.map(({ design }) => design))];
  const totals = (of: readonly (Fleet & { readonly total: number })[], inUse: number) =>
    of.filter((each) => each.inUse === inUse).map(({ total }) => figure(total, 2));
  return [
    section(
      '5. US dollars a month, all in use',
      ['', ...fleets],
      [
        ...(first?.counts ?? []).map(({ what }, row) => [
          what,
          ...allInUse.map(({ counts }) => figure(counts[row]?.value ?? Number.NaN, 0)),
        ]),
        ...(first?.items ?? []).map(({ what }, row) => [
          what,
          ...allInUse.map(({ items }) => figure(items[row]?.value ?? Number.NaN, 2)),
        ]),
        ...uses.map((inUse) => [
          `together, ${figure(100 * inUse, 0)} % in use`,
          ...totals(bills, inUse),
        ]),
      ],
    ),
    section(
      '   Beside other designs, which have no sweep: they refresh what is used, and only their table is counted',
      ['', ...fleets],
      uses.flatMap((inUse) =>
        names.map((design) => [
          `${figure(100 * inUse, 0)} % in use: ${design}`,
          ...totals(
            designs.filter((each) => each.design === design),
            inUse,
          ),
        ]),
      ),
    ),
  ];
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
