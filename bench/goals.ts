import { functions } from '../functions/manifest.ts';
import type { Cost } from './cost.ts';
import type { OperationsResult } from './operations.ts';
import type { Result } from './result.ts';
import type { StampedeResult } from './stampede.ts';
import type { SweepResult } from './sweep.ts';
import type { SweepAlone } from './sweep-alone.ts';

export interface Goal {
  readonly measure: string;
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

const times = (ratio: number) => `${ratio.toFixed(2)} ×`;
const ms = (value: number) => `${value.toFixed(0)} ms`;
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

type Measured = Pick<
  Result,
  'operations' | 'operationsThere' | 'stampede' | 'sweep' | 'sweepAlone' | 'coldStart' | 'cost'
>;

/** Each measure beside its goal. */
export function goals({
  operations,
  operationsThere,
  stampede,
  sweep,
  sweepAlone,
  coldStart,
  cost,
}: Measured): Goal[] {
  return [
    ...ofOperations(operations),
    ...(operationsThere ? ofTimes(operationsThere) : []),
    ...ofStampede(stampede),
    ...ofSweep(sweep),
    ...ofSweepAlone(sweepAlone),
    ...ofCost(cost),
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

const ours = ({ operations }: OperationsResult, operation: string) =>
  operations.find((each) => each.design === 'jobber-tokens' && each.operation === operation);

function ofOperations(result: OperationsResult): Goal[] {
  const { cached, item } = result;
  return [
    {
      measure: 'token from the cache',
      goal: '< 10 µs, no request',
      measured: `${cached.microseconds.median.toFixed(2)} µs, ${cached.requests} requests`,
      met: cached.microseconds.median < 10 && cached.requests === 0,
    },
    ...ofTimes(result),
    {
      measure: `item with a ${item.accessTokenCharacters}-character token`,
      goal: '≤ 1,024 bytes',
      measured: `${item.bytes} bytes`,
      met: item.bytes <= 1_024,
    },
  ];
}

/** Of each store that was measured. */
function ofTimes(result: OperationsResult): Goal[] {
  const stored = ours(result, 'stored token');
  const refresh = ours(result, 'refresh by the sweep');
  if (!stored || !refresh) return [];
  const { write, index, posts } = refresh.consumed;
  const withConditions = refresh.ofRawWithConditions;
  const beside = withConditions ? `, ${times(withConditions.median)} with their conditions` : '';
  return [
    {
      measure: `stored token, on ${result.store}`,
      goal: '≤ 1.10 × the bare GetItem',
      measured: times(stored.ofRaw.median),
      met: stored.ofRaw.median <= 1.1,
    },
    {
      measure: `refresh, on ${result.store}`,
      goal: '≤ 1.10 × two bare writes and the POST',
      measured: `${times(refresh.ofRaw.median)}${beside}`,
      met: refresh.ofRaw.median <= 1.1,
    },
    {
      measure: `write units of a refresh, on ${result.store}`,
      goal: '2, the indexes included; 1 POST',
      measured: `${write} and ${index} of the indexes; ${posts} POST`,
      met: write + index === 2 && posts === 1,
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
  const largest = sizes.at(-1);
  if (!largest) return [];
  const { ofCeiling, ofCeilingByTableCpu } = largest;
  const byCpu = ofCeilingByTableCpu
    ? ` (${percent(ofCeilingByTableCpu.median)} by the table’s CPU time)`
    : '';
  return [
    {
      measure: 'sweep: all that are due are queued',
      goal: 'in one run',
      measured: sizes.map(({ queued, due }) => `${queued} of ${due}`).join(', '),
      met: sizes.every(({ complete, queued, due }) => complete && queued === due),
    },
    {
      measure: '  writes by refreshing, of those that the table takes',
      goal: '≥ 80 %',
      measured: `${percent(ofCeiling.median)}${byCpu}`,
      met: ofCeiling.median >= 0.8,
    },
  ];
}

/** Ten times as many entries may take so much more. */
const FLAT = 1.1;

function ofSweepAlone(alone: readonly SweepAlone[]): Goal[] {
  const peaks = alone.map(({ peakMB }) => peakMB);
  const [before = Number.NaN, last = Number.NaN] = peaks.slice(-2);
  return [
    {
      measure: `  peak memory, for ${alone.map(({ entries }) => entries).join(', ')} entries`,
      goal: '< 150 MB, and flat: the last two within 10 %',
      measured: peaks.map((peakMB) => `${peakMB.toFixed(0)} MB`).join(', '),
      met: Math.max(...peaks) < 150 && last <= before * FLAT,
    },
  ];
}

function ofCost({ bills }: Cost): Goal[] {
  return [
    { inUse: 1, limit: 1_900 },
    { inUse: 0.03, limit: 350 },
  ].map(({ inUse, limit }) => {
    const found = bills.find((bill) => bill.connections === 1e6 && bill.inUse === inUse);
    const total = found?.total ?? Number.NaN;
    return {
      measure: `cost of a million connections, ${percent(inUse)} in use`,
      goal: `≤ $${limit} a month`,
      measured: `$${total.toFixed(0)}`,
      met: total <= limit,
    };
  });
}
