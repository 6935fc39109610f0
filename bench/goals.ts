import { functions } from '../functions/manifest.ts';
import type { ColdStart } from './cold-start.ts';
import type { OperationsResult } from './operations.ts';
import type { StampedeResult } from './stampede.ts';
import type { SweepResult } from './sweep.ts';

export interface Goal {
  readonly measure: string;
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

const times = (ratio: number) => `${ratio.toFixed(2)} ×`;
const ms = (value: number) => `${value.toFixed(0)} ms`;
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

/** Each measure beside its goal. */
export function goals(
  operations: OperationsResult,
  stampede: StampedeResult,
  sweep: SweepResult,
  coldStart: readonly ColdStart[],
): Goal[] {
  return [
    ...ofOperations(operations),
    ...ofStampede(stampede),
    ...ofSweep(sweep),
    ...coldStart
      .filter(({ name }) => name === 'jobber-webhook')
      .map(({ firstAnswer }) => ({
        measure: 'cold start: first answer of jobber-webhook',
        goal: '< 400 ms',
        measured: ms(firstAnswer.median),
        met: firstAnswer.median < 400,
      })),
    ...coldStart
      .filter(({ name }) => Object.hasOwn(functions, name))
      .map(({ name, load, loadOfClient }) => ({
        measure: `cold start: load of ${name} (${ms(load.median)})`,
        goal: '≤ 1.15 × the DynamoDB client alone',
        measured: times(loadOfClient.median),
        met: loadOfClient.median <= 1.15,
      })),
  ];
}

function ofOperations({ cached, operations, item }: OperationsResult): Goal[] {
  const ours = (operation: string) =>
    operations.find((each) => each.design === 'jobber-tokens' && each.operation === operation);
  const stored = ours('stored token');
  const refresh = ours('refresh by the sweep');
  if (!stored || !refresh) return [];
  const { write, index, posts } = refresh.consumed;
  return [
    {
      measure: 'token from the cache',
      goal: '< 10 µs, no request',
      measured: `${cached.microseconds.median.toFixed(2)} µs, ${cached.requests} requests`,
      met: cached.microseconds.median < 10 && cached.requests === 0,
    },
    {
      measure: 'stored token',
      goal: '≤ 1.10 × the bare GetItem',
      measured: times(stored.ofRaw.median),
      met: stored.ofRaw.median <= 1.1,
    },
    {
      measure: 'refresh',
      goal: '≤ 1.10 × two bare writes and the POST',
      measured: times(refresh.ofRaw.median),
      met: refresh.ofRaw.median <= 1.1,
    },
    {
      measure: 'write units of a refresh',
      goal: '2, and 2 of the index; 1 POST',
      measured: `${write}, and ${index || 'not reported'} of the index; ${posts} POST`,
      met: write === 2 && (index === 2 || index === 0) && posts === 1,
    },
    {
      measure: `item with a ${item.accessTokenCharacters}-character token`,
      goal: '≤ 1,024 bytes',
      measured: `${item.bytes} bytes`,
      met: item.bytes <= 1_024,
    },
  ];
}

function ofStampede({ designs, raw, callers, processes }: StampedeResult): Goal[] {
  const ours = designs.find(({ design }) => design === 'jobber-tokens');
  if (!ours) return [];
  const limit = raw.median + 150;
  return [
    {
      measure: `stampede of ${callers} in ${processes} processes: redemptions`,
      goal: '1',
      measured: ours.redemptions.median.toFixed(0),
      met: ours.redemptions.from === 1 && ours.redemptions.to === 1,
    },
    {
      measure: `  errors in ${ours.rounds} rounds`,
      goal: '0',
      measured: String(ours.errors),
      met: ours.errors === 0,
    },
    {
      measure: '  p99 until a caller has its token',
      goal: `≤ POST + 2 writes + 150 ms = ${ms(limit)}`,
      measured: ms(ours.p99.median),
      met: ours.p99.median <= limit,
    },
    {
      measure: `  connections lost in ${ours.rounds} rounds`,
      goal: '0',
      measured: String(ours.lost),
      met: ours.lost === 0,
    },
  ];
}

function ofSweep({ sizes }: SweepResult): Goal[] {
  const peak = Math.max(...sizes.map(({ peakMB }) => peakMB));
  const largest = sizes.at(-1);
  if (!largest) return [];
  const { connections, ofCeiling, ofCeilingByTableCpu } = largest;
  const byCpu = ofCeilingByTableCpu
    ? ` (${percent(ofCeilingByTableCpu.median)} by the table’s CPU time)`
    : '';
  return [
    {
      measure: `sweep: peak memory, up to ${connections} connections`,
      goal: '< 150 MB, flat',
      measured: sizes.map(({ peakMB }) => `${peakMB.toFixed(0)} MB`).join(', '),
      met: peak < 150,
    },
    {
      measure: '  all that are due are queued',
      goal: 'in one run',
      measured: sizes.map(({ queued }) => queued).join(', '),
      met: sizes.every(
        ({ complete, queued, connections }) => complete && queued === connections / 10,
      ),
    },
    {
      measure: '  writes by refreshing, of those that the table takes',
      goal: '≥ 80 %',
      measured: `${percent(ofCeiling.median)}${byCpu}`,
      met: ofCeiling.median >= 0.8,
    },
  ];
}
