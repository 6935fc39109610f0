import type { Connection } from '../../shared/tokens/connection.ts';
import { slotOf } from '../../shared/tokens/sweep-wheel.ts';
import { forbidden } from './customers.ts';
import { lossesOf } from './losses.ts';
import type { Result } from './run.ts';
import { badSeconds } from './scenario.ts';
import { openMarks } from './settle.ts';

type Row = readonly [label: string, value: (result: Result) => string | number];

/** The other designs report no metrics. */
const metric =
  (name: string): Row[1] =>
  ({ metrics, options }) =>
    options.design === 'ours' ? (metrics[name] ?? 0) : '–';
const add = (counts: Readonly<Record<string, number>>, prefix = '') =>
  Object.entries(counts).reduce((sum, [what, n]) => sum + (what.startsWith(prefix) ? n : 0), 0);
const planned = (kind: string) => (result: Result) =>
  result.plan.filter((step) => step.kind === kind).length;
const findings = ({ audited, losses }: Result) => [...audited, ...losses];
const verdicts = (verdict: string) => (result: Result) =>
  findings(result).filter((finding) => finding.verdict === verdict).length;
const windows = (window: string) => (result: Result) =>
  findings(result).filter(
    ({ verdict, lost }) => verdict === 'lost in the window' && lost?.window === window,
  ).length;

const whileBad =
  (value: Row[1]): Row[1] =>
  (result) =>
    badSeconds(result.options) > 0 ? value(result) : '–';
const inSeconds = (ms: number) => (Number.isFinite(ms) ? `${(ms / 1000).toFixed(1)} s` : '–');
const withoutToken = ({ answers }: Result) => add(answers) - (answers['ok'] ?? 0);

const ROWS: readonly Row[] = [
  ['processes killed', ({ kills }) => add(kills, 'killed')],
  ['  at a chosen moment', ({ kills }) => add(kills, 'killed before') + add(kills, 'killed after')],
  ['processes stopped past the lease', ({ kills }) => add(kills, 'stopped')],
  ['requests to the table that met a fault', ({ tableFaults }) => add(tableFaults)],
  ['faults of Jobber', planned('jobber')],
  ['customers who connected again', planned('reconnect')],
  ['refreshes stampeded', planned('stampede')],
  ['invocations that timed out', ({ kills }) => add(kills, 'timed out')],
  ['', () => ''],
  ['calls of get-token', ({ answers }) => add(answers)],
  ['  without a token', withoutToken],
  ['sweeps that failed', ({ sweepsFailed }) => sweepsFailed],
  ['redemptions', ({ totals }) => totals.redemptions],
  ['  an account', ({ totals, options }) => (totals.redemptions / options.accounts).toFixed(1)],
  ['double redemptions', ({ totals }) => totals.doubleRedemptions],
  ['  though the successor had arrived', ({ needless }) => needless],
  ['refusals', ({ totals }) => totals.refusals],
  ['without an answer', metric('RefreshUnknown')],
  ['waits for another process', metric('RefreshWaited')],
  ['adoptions of its rotation', metric('RefreshAdopted')],
  ['escrows', metric('RotationEscrowed')],
  ['  stored from there', metric('EscrowStored')],
  ['rotations of last resort', metric('StoreFailed')],
  ['uses that were noted', ({ useWrites }) => useWrites.noteUse],
  ['moves to another slot', ({ useWrites }) => useWrites.move],
  ['', () => ''],
  ['connections that came due while Jobber was bad', whileBad(({ badTime }) => badTime?.due ?? 0)],
  ['  redemptions meanwhile', whileBad((result) => lossesOf(result).sent)],
  ['  lost in flight', whileBad((result) => lossesOf(result).byPrice['in flight'])],
  ['  lost to a probe', whileBad((result) => lossesOf(result).byPrice['a probe'])],
  ['  LOST BEYOND THESE', whileBad((result) => lossesOf(result).beyond)],
  [
    '    because the breaker had closed too early',
    whileBad((result) => lossesOf(result).byPrice['closed too early']),
  ],
  [
    '  how often the breaker opened or closed',
    whileBad(({ wire, badTime }) =>
      badTime ? wire.breaker.changes(badTime.start, badTime.end) : 0,
    ),
  ],
  ['probes', (result) => lossesOf(result).probes],
  ['  the shortest time between two', (result) => inSeconds(lossesOf(result).shortestDistance)],
  ['connections that had to be made again', ({ verdicts }) => verdicts],
  ['', () => ''],
  [
    'connections alive at the end',
    ({ audited, options }) => `${alive(audited)}/${options.accounts}`,
  ],
  ['lost in the window, recorded', verdicts('lost in the window')],
  ...(
    [
      'the answer never left Jobber',
      'the answer never reached the process',
      'the process was killed before the answer',
      'the process was killed with the answer',
    ] as const
  ).map((window): Row => [`  ${window}`, windows(window)]),
  ['LOST SILENTLY OR WRONGLY RECORDED', (result) => forbidden(findings(result))],
  ...(
    [
      'cut off, though its token is live',
      'dead, though active',
      'lost, though the answer arrived',
      'lost to a time-out',
      'lost in the window, recorded as something else',
      'no connection stored',
    ] as const
  ).map((verdict): Row => [`  ${verdict}`, verdicts(verdict)]),
  ['processes that ended by themselves', ({ crashes }) => crashes.length],
];

const alive = (audited: Result['audited']) =>
  audited.filter(({ verdict }) => verdict === 'alive').length;

/** One column a design, all of the same plan. */
export function table(results: readonly Result[]): string {
  const header = ['', ...results.map(({ options }) => options.design)];
  const rows = ROWS.map(([label, value]) => [label, ...results.map((r) => String(value(r)))]);
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => (row[column] ?? '').length)),
  );
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, at) =>
          at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What the run cost, in one line. */
export function lastLine(result: Result): string {
  const { lost, silently, beyond } = lossesOf(result);
  return `lost: ${lost} of ${result.connected}, silently: ${silently}, beyond those in flight and the probes: ${beyond}`;
}

/** False refusals may have so many customers asked to connect again, and no more. */
const A_HANDFUL = 5;
/** No two probes are sent within this time. */
const PROBE_EVERY_MS = 10_000;

/** What differs from what must be; nothing if all is well. */
export function objections(result: Result): string[] {
  const { options, audited, crashes, verdicts } = result;
  const { lost, silently, beyond, shortestDistance } = lossesOf(result);
  const isFree = options.calm && options.brownout === 0;
  const astray = audited.filter(({ connection }) => !isInItsSlot(connection));
  const open = audited.filter((each) => openMarks(each).length > 0);
  const found: [boolean, string][] = [
    [isFree && lost > 0, `${lost} lost, though nobody died`],
    [silently > 0, `${silently} connections lost silently or wrongly recorded`],
    [beyond > 0, `${beyond} lost beyond those in flight and the probes`],
    [shortestDistance < PROBE_EVERY_MS, `two probes within ${inSeconds(shortestDistance)}`],
    [
      options.design === 'ours' && astray.length > 0,
      `${astray.length} connections are not in a slot of their own`,
    ],
    [open.length > 0, `${open.length} connections are not over it: ${open.flatMap(openMarks)}`],
    [
      options.refusals > 0 && verdicts > A_HANDFUL,
      `${verdicts} connections were given up for refusals that were wrong`,
    ],
  ];
  return [
    ...found.filter(([holds]) => holds).map(([, text]) => `${options.design}: ${text}`),
    ...crashes,
    ...audited
      .filter((finding) => forbidden([finding]) > 0)
      .slice(0, 5)
      .map((finding) => storyOf(finding, result)),
  ];
}

/** Sweeps find an active connection by its slot alone; no other connection may have any. */
function isInItsSlot(connection: Connection | undefined): boolean {
  if (connection?.status !== 'active') return !Object.hasOwn(connection ?? {}, 'sweepSlot');
  const { accountId, sweepSlot } = connection;
  return sweepSlot === slotOf(accountId, 'warm') || sweepSlot === slotOf(accountId, 'idle');
}

function storyOf(finding: Result['audited'][number], { journalOf }: Result): string {
  const { accountId, verdict, connection } = finding;
  const reason = connection && 'statusReason' in connection ? connection.statusReason : '-';
  const rotation = connection && 'rotation' in connection ? connection.rotation : '-';
  const state = `${connection?.status}, ${reason}, rotation ${rotation}`;
  return [`${accountId}: ${verdict} (${state})`, ...journalOf(accountId)].join('\n    ');
}
