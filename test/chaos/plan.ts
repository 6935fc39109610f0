import type { Fault } from '../../local/jobber/faults.ts';
import { LEASE } from '../../shared/tokens/budgets.ts';
import { MOMENTS, type Moment } from './moments.ts';
import { type Random, random } from './random.ts';
import { badTime } from './scenario.ts';
import { TABLE_FAULTS, type TableFault } from './table-proxy.ts';

/** One thing that goes wrong. Times are milliseconds of this machine, `at` from the start of the run. */
export type Step = { readonly at: number } & Trouble;

export type Trouble =
  /** SIGKILL: at once, or the next process that comes to this moment. */
  | { readonly kind: 'kill'; readonly moment?: Moment }
  /** SIGSTOP likewise, then SIGCONT. */
  | { readonly kind: 'stop'; readonly moment?: Moment; readonly forMs: number }
  /** SIGKILL for every process at once. */
  | { readonly kind: 'restart' }
  | { readonly kind: 'table'; readonly fault: TableFault; readonly forMs: number }
  /** Of the whole table, while refreshes of many accounts wait for Jobber's answer. */
  | { readonly kind: 'outage'; readonly forMs: number; readonly jobberMs: number }
  | { readonly kind: 'jobber'; readonly fault: Fault; readonly forMs?: number }
  /** Jobber meets every redemption with the next of these. */
  | { readonly kind: 'bad time'; readonly faults: readonly Fault[]; readonly forMs: number }
  /** Every process asks for the same account. */
  | { readonly kind: 'stampede'; readonly account: number }
  /** A customer whose connection works connects again. */
  | { readonly kind: 'reconnect'; readonly account: number };

export interface PlanOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly speed: number;
  readonly accounts: number;
  /** Of the whole table in the middle of the run, in seconds of the system's clock. */
  readonly outage: number;
  /** Jobber redeems, and answers late, or not at all. These three likewise; one of them at most. */
  readonly brownout: number;
  /** Jobber redeems, and answers late. */
  readonly late: number;
  /** Jobber refuses every refresh token. */
  readonly refusals: number;
  /** Nothing else goes wrong. */
  readonly calm: boolean;
}

/** No fault lasts longer. */
const LONGEST_MS = 3_000;
/** Of a bad time. */
const BEGIN_MS = 2_000;

/** What goes wrong when: everything once in random order, then again until the time is over. */
export function makePlan(options: PlanOptions): Step[] {
  const { seed, seconds, speed, accounts, outage, calm } = options;
  const dice = random(seed);
  const end = seconds * 1000;
  // A slower clock takes longer to get over each.
  const gap = Math.min(1_000, Math.max(200, end / 45)) * Math.max(1, Math.sqrt(10 / speed));
  const steps: Step[] = [];
  let deck: Trouble[] = [];
  for (let at = gap; at < end; at += dice.between(0.4, 1.6) * gap) {
    if (deck.length === 0)
      deck = dice.shuffled([...load(dice, accounts), ...(calm ? [] : faults(dice, speed))]);
    steps.push({ at, ...(deck.pop() as Trouble) });
  }
  if (outage > 0) {
    const [forMs, jobberMs] = [(outage * 1000) / speed, 4_000 / speed];
    steps.push({ at: end / 2, kind: 'outage', forMs, jobberMs });
  }
  for (const bad of badTime(options, dice)) alone(steps, { at: end / 2, ...bad });
  return steps.sort((one, other) => one.at - other.at);
}

/** No other fault of Jobber meets the bad time, and none of the table its begin, which must become known. */
function alone(steps: Step[], bad: Step): void {
  const end = bad.kind === 'bad time' ? bad.at + bad.forMs : bad.at;
  const from = bad.at - LONGEST_MS;
  const until = { jobber: end, outage: end, table: bad.at + BEGIN_MS };
  const left = steps.filter(
    ({ at, kind }) => at < from || !(kind in until) || at > until[kind as keyof typeof until],
  );
  steps.splice(0, steps.length, ...left, bad);
}

const times = <T>(n: number, make: () => T) => Array.from({ length: n }, make);

function load({ below }: Random, accounts: number): Trouble[] {
  return [
    ...times(8, (): Trouble => ({ kind: 'stampede', account: below(accounts) })),
    ...times(2, (): Trouble => ({ kind: 'reconnect', account: below(accounts) })),
  ];
}

function faults(dice: Random, speed: number): Trouble[] {
  const { between, pick } = dice;
  const systemMs = (ms: number) => ms / speed;
  const pastLease = () => systemMs(LEASE * between(1.1, 1.8));
  const table = (kind: TableFault['kind'], scope: TableFault['scope'], share: number): Trouble => ({
    kind: 'table',
    fault: { kind, scope, share },
    forMs: Math.min(LONGEST_MS, systemMs(between(4_000, 40_000))),
  });
  const jobber = (fault: Fault): Trouble => ({ kind: 'jobber', fault });

  return [
    { kind: 'kill' },
    ...MOMENTS.map((moment): Trouble => ({ kind: 'kill', moment })),
    { kind: 'stop', forMs: pastLease() },
    ...(['after claim', 'before redeem', 'after redeem', 'before store'] as const).map(
      (moment): Trouble => ({ kind: 'stop', moment, forMs: pastLease() }),
    ),
    { kind: 'restart' },
    ...TABLE_FAULTS.map((kind) => table(kind, pick(['all', 'writes', 'stores']), between(0.3, 1))),
    table(pick(['no answer', 'error 500', 'throttled']), 'stores', 1),
    jobber({ kind: 'latency', ms: systemMs(between(500, 5_000)), times: 6 }),
    jobber({ kind: 'latency', ms: systemMs(between(9_000, 25_000)) }),
    jobber({ kind: 'drop-before', times: 3 }),
    jobber({ kind: 'status', status: pick([500, 502, 503]), html: true, times: 4 }),
    jobber({ kind: 'status', status: 429, retryAfter: 2, times: 4 }),
    jobber({ kind: 'html-200', times: 2 }),
    jobber({ kind: 'wrong-secret', times: 2 }),
    jobber({ kind: 'no-refresh-token', times: 2 }),
    jobber({ kind: 'drop-after' }),
    jobber({ kind: 'status-after', status: pick([500, 504]) }),
    jobber({ kind: 'truncate' }),
    jobber({ kind: 'trickle', bytesPerSecond: 40 * speed }),
    {
      kind: 'jobber',
      fault: { kind: 'drop-before', times: null },
      forMs: Math.min(2_000, systemMs(between(4_000, 30_000))),
    },
  ];
}
