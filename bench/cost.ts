import { functions, SWEEP_EVERY_MINUTES } from '../functions/manifest.ts';
import { IDLE_TURN, NOTE_USE_EVERY, WARM_TURN } from '../shared/tokens/budgets.ts';
import type { DesignName } from './designs.ts';
import type { OperationsResult } from './operations.ts';
import { sqsBatchSeconds } from './paper.ts';
import type { SweepAlone } from './sweep-alone.ts';

/*
 * What a fleet costs a month, in US dollars, us-east-1, on demand, without the free tier for Lambda and for the first year.
 * Only what keeps the connections alive: what callers ask for depends on them, and costs all designs the same.
 */

/** Connections, and the share of them that callers use. */
export interface Fleet {
  readonly connections: number;
  readonly inUse: number;
}

export interface BillItem {
  readonly what: string;
  readonly how: string;
  /** In dollars; in `counts`, how many. */
  readonly value: number;
}

export interface Bill extends Fleet {
  readonly counts: readonly BillItem[];
  readonly items: readonly BillItem[];
  readonly total: number;
}

/** What a design pays for its table, and ours in all, with the same use. */
export interface DesignCost extends Fleet {
  readonly design: DesignName | 'a secret per connection';
  readonly total: number;
}

export interface Cost {
  readonly bills: readonly Bill[];
  readonly designs: readonly DesignCost[];
}

const MILLION = 1e6;
const PRICES = {
  writeUnit: 0.625 / MILLION,
  readUnit: 0.125 / MILLION,
  /** Storage and its backup. */
  storedGB: 0.45,
  // Fair queues.
  sqsRequest: 0.5 / MILLION,
  lambdaRequest: 0.2 / MILLION,
  // arm64.
  lambdaGBSecond: 0.0000133334,
  key: 1,
  keyRequest: 0.03 / 10_000,
  secret: 0.4,
  secretRequest: 0.05 / 10_000,
  alarm: 0.1,
  logGB: 0.5,
  trace: 5 / MILLION,
};

const HOURS = 730;
const MINUTES = HOURS * 60;
const SECONDS = MINUTES * 60;
const SWEEPS = MINUTES / SWEEP_EVERY_MINUTES;
const IN_USE = {
  refreshes: MINUTES / (WARM_TURN / 60_000),
  /** At most. */
  notes: MINUTES / (NOTE_USE_EVERY / 60_000),
};
const IDLE_REFRESHES = MINUTES / (IDLE_TURN / 60_000);
/** Of a design without a sweep: used at all hours, and refreshed a minute before the token ends. */
const REFRESHES_ON_DEMAND = MINUTES / 59;

/** 10 refreshes at once, against Jobber. */
const BATCH_SECONDS = 1;
const SWEEP_SECONDS = 0.3;
const INDEX_ENTRY_BYTES = 100;
const ITEM_GB = 1.3 / MILLION;
const LOGGED_GB = 0.9 / MILLION;
const ROLES = 8;
const ALARMS = 28;
const SECRETS = 3;

const FLEETS = [100, 10_000, MILLION, 10 * MILLION];
const USES = [1, 0.3, 0.03];

/** @param operations whose capacity is that of the table and its indexes */
export function costs(operations: OperationsResult, alone: readonly SweepAlone[]): Cost {
  const fleets = USES.flatMap((inUse) => FLEETS.map((connections) => ({ connections, inUse })));
  const bills = fleets.map((fleet) => bill(fleet, operations, alone));
  const names = [...new Set(operations.operations.map(({ design }) => design))].filter(
    (name): name is DesignName => !name.startsWith('raw') && name !== 'jobber-tokens',
  );
  const designs = fleets.flatMap((fleet, index): DesignCost[] => [
    { ...fleet, design: 'jobber-tokens', total: bills[index]?.total ?? Number.NaN },
    ...names.map((design) => ({ ...fleet, design, total: tableAlone(design, fleet, operations) })),
    { ...fleet, design: 'a secret per connection', total: secretEach(fleet) },
  ]);
  return { bills, designs };
}

/** All that a deployment of ours pays, as in docs/deploying.md. */
export function bill(
  fleet: Fleet,
  operations: OperationsResult,
  alone: readonly SweepAlone[],
): Bill {
  const { connections } = fleet;
  const used = connections * fleet.inUse;
  const idle = connections - used;
  const { write, index } = consumedBy(operations, 'jobber-tokens', 'refresh by the sweep');
  const refreshes = used * IN_USE.refreshes + idle * IDLE_REFRESHES;
  const due = SWEEP_EVERY_MINUTES * 60_000 * (used / WARM_TURN + idle / IDLE_TURN);
  // What is queued at once is handed out in batches, unless it is little.
  const batch = Math.min(10, Math.max(1, due / 2));
  const invocations = refreshes / batch;
  const atOnce = Math.max(1, Math.ceil((invocations / SECONDS) * BATCH_SECONDS));
  const sweepSeconds = SWEEP_SECONDS + (due / 10) * sqsBatchSeconds(alone);
  const traces = invocations + SWEEPS;
  const gb = (name: 'refresh-connection' | 'refresh-sweep') => functions[name].memoryMB / 1_024;
  const every5Minutes = HOURS * 12;
  const sqsMs = (sqsBatchSeconds(alone) * 1_000).toFixed(0);

  const items: BillItem[] = [
    {
      what: 'DynamoDB writes of refreshes',
      how: `refreshes × ${write + index} × $0.625 / M`,
      value: refreshes * (write + index) * PRICES.writeUnit,
    },
    {
      what: 'DynamoDB writes that note a use',
      how: 'in use × 122 × $0.625 / M, at most',
      value: used * IN_USE.notes * PRICES.writeUnit,
    },
    {
      what: 'DynamoDB of the sweeps',
      how: '8,760 × (1 write; 1 + max(19 × 0.5, due × 100 B / 4 KB × 0.5) × $0.125 / M)',
      value:
        SWEEPS *
        (PRICES.writeUnit +
          (1 + Math.max(9.5, ((due * INDEX_ENTRY_BYTES) / 4_096) * 0.5)) * PRICES.readUnit),
    },
    {
      what: 'DynamoDB reads of the circuit breaker',
      how: 'invocations × 0.5 × $0.125 / M',
      value: invocations * 0.5 * PRICES.readUnit,
    },
    {
      what: 'DynamoDB storage and backup',
      how: 'connections × 1.3 KB × $0.45 / GB',
      value: connections * ITEM_GB * PRICES.storedGB,
    },
    {
      what: 'Lambda refreshes',
      how: 'invocations × ($0.20 / M + 1 s × 0.25 GB × $0.0000133)',
      value:
        invocations *
        (PRICES.lambdaRequest + BATCH_SECONDS * gb('refresh-connection') * PRICES.lambdaGBSecond),
    },
    {
      what: 'Lambda sweeps',
      how: `8,760 × (0.3 s + due / 10 × ${sqsMs} ms) × ${gb('refresh-sweep')} GB × $0.0000133`,
      value:
        SWEEPS *
        (PRICES.lambdaRequest + sweepSeconds * gb('refresh-sweep') * PRICES.lambdaGBSecond),
    },
    {
      what: 'SQS',
      how: '3 requests an invocation, 1.3 M polls of the two queues, 1 M free; × $0.50 / M',
      value: Math.max(0, 3 * invocations + 0.3 * MILLION) * PRICES.sqsRequest,
    },
    {
      what: 'KMS',
      how: `the key 1.00; a request each 5 min for each of ${ROLES} roles, 20,000 free, × $0.03 / 10,000`,
      value: PRICES.key + (every5Minutes * ROLES - 20_000) * PRICES.keyRequest,
    },
    {
      what: 'Secrets Manager',
      how: `${SECRETS} × 0.40; two read each 5 min by each container × $0.05 / 10,000`,
      value: SECRETS * PRICES.secret + 2 * every5Minutes * atOnce * PRICES.secretRequest,
    },
    {
      what: 'CloudWatch alarms',
      how: `${ALARMS}, of which 10 free, × 0.10`,
      value: (ALARMS - 10) * PRICES.alarm,
    },
    {
      what: 'CloudWatch logs',
      how: '0.9 KB an invocation, 5 GB free, × $0.50 / GB',
      value: Math.max(0, invocations * LOGGED_GB - 5) * PRICES.logGB,
    },
    {
      what: 'X-Ray',
      how: '1 trace a second and 5 % of the rest, 100,000 free, × $5 / M',
      value:
        Math.max(0, Math.min(traces, SECONDS) + Math.max(0, traces - SECONDS) * 0.05 - 100_000) *
        PRICES.trace,
    },
    { what: 'Scheduler', how: '8,760 invocations, 14 M free', value: 0 },
  ];
  return {
    ...fleet,
    counts: [
      { what: 'refreshes', how: '973 × in use + 30 × idle', value: refreshes },
      {
        what: 'invocations of `refresh-connection`',
        how: '10 refreshes each; fewer if few are due',
        value: invocations,
      },
    ],
    items,
    total: items.reduce((sum, { value }) => sum + value, 0),
  };
}

/**
 * A design without a sweep refreshes on demand: nothing for a connection that nobody uses. Its functions, logs, key and
 * alarms are not counted.
 */
function tableAlone(
  design: DesignName,
  { connections, inUse }: Fleet,
  operations: OperationsResult,
): number {
  const { write, index, read } = consumedBy(operations, design, 'refresh on demand');
  const refresh = (write + index) * PRICES.writeUnit + read * PRICES.readUnit;
  return connections * (inUse * REFRESHES_ON_DEMAND * refresh + ITEM_GB * PRICES.storedGB);
}

/** A Secrets Manager secret for each connection, read and written at each refresh. */
function secretEach({ connections, inUse }: Fleet): number {
  return connections * (PRICES.secret + inUse * REFRESHES_ON_DEMAND * 2 * PRICES.secretRequest);
}

function consumedBy({ operations }: OperationsResult, design: string, operation: string) {
  const found = operations.find((each) => each.design === design && each.operation === operation);
  if (!found) throw new Error(`${design}, ${operation}: not measured.`);
  return found.consumed;
}
