import { forbidden } from './customers.ts';
import type { Result } from './run.ts';

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
    (finding) => finding.verdict === 'lost in the window' && finding.window === window,
  ).length;

const ROWS: readonly Row[] = [
  ['processes killed', ({ kills }) => add(kills, 'killed')],
  ['  at a chosen moment', ({ kills }) => add(kills, 'killed before') + add(kills, 'killed after')],
  ['processes stopped past the lease', ({ kills }) => add(kills, 'stopped')],
  ['requests to the table that met a fault', ({ tableFaults }) => add(tableFaults)],
  ['faults of Jobber', planned('jobber')],
  ['customers who connected again', planned('reconnect')],
  ['refreshes stampeded', planned('stampede')],
  ['', () => ''],
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

/** What differs from what must be; nothing if all is well. */
export function objections(result: Result): string[] {
  const { options, audited, losses, crashes, journalOf } = result;
  const all = [...audited, ...losses];
  const wrong = forbidden(all);
  const lost = all.filter(({ verdict }) => verdict !== 'alive').length;
  return [
    ...(options.calm && lost > 0 ? [`${options.design}: ${lost} lost, though nobody died`] : []),
    ...(wrong > 0
      ? [`${options.design}: ${wrong} connections lost silently or wrongly recorded`]
      : []),
    ...crashes,
    ...audited
      .filter((finding) => forbidden([finding]) > 0)
      .slice(0, 5)
      .map(({ accountId, verdict, connection }) => {
        const reason = connection && 'statusReason' in connection ? connection.statusReason : '-';
        const state = `${connection?.status}, ${reason}, rotation ${connection && 'rotation' in connection ? connection.rotation : '-'}`;
        return [`${accountId}: ${verdict} (${state})`, ...journalOf(accountId)].join('\n    ');
      }),
  ];
}
