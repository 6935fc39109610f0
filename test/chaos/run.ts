import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { queues } from '../../functions/manifest.ts';
import { APP_SECRET, SEALING_SECRET } from '../../local/aws/secrets.ts';
import { simulatorControl } from '../../local/jobber/control-client.ts';
import type { Totals } from '../../local/jobber/state.ts';
import type { Finding } from './audit.ts';
import type { BadTime, Evidence } from './bad-time.ts';
import { watchBreaker } from './breaker-watch.ts';
import { carryOut } from './carry-out.ts';
import { type Audited, findCustomers } from './customers.ts';
import type { Design } from './designs.ts';
import { startEventSource } from './event-source.ts';
import { fastClock } from './fast-clock.ts';
import { type Fleet, openFleet } from './fleet.ts';
import { jobberProxy } from './jobber-proxy.ts';
import { openJournal } from './journal.ts';
import { startLoad } from './load.ts';
import { readMetrics } from './metrics.ts';
import { makePlan, type PlanOptions, type Step } from './plan.ts';
import { random } from './random.ts';
import { accessTokenLifetimeOf, scenarioOf } from './scenario.ts';
import { settle } from './settle.ts';
import { CREDENTIALS, startServices } from './start-services.ts';
import { tableProxy } from './table-proxy.ts';

export interface RunOptions extends PlanOptions {
  readonly design: Design;
  /** Containers of get-token; of refresh-connection half as many. */
  readonly processes: number;
}

export interface Result {
  readonly options: RunOptions;
  readonly plan: readonly Step[];
  readonly totals: Totals;
  /** Redemptions of tokens whose successor had arrived. */
  readonly needless: number;
  /** Of each account at the end. */
  readonly audited: readonly Audited[];
  /** Of the connections that were lost on the way; their customers connected again. */
  readonly losses: readonly Finding[];
  /** How often somebody connected, and how often a connection became `reconnect_required`. */
  readonly connected: number;
  readonly verdicts: number;
  /** Of get-token, by code. */
  readonly answers: Readonly<Record<string, number>>;
  readonly sweepsFailed: number;
  readonly wire: Omit<Evidence, 'badTime'>;
  readonly badTime: BadTime | undefined;
  readonly metrics: Readonly<Record<string, number>>;
  /** What happened to processes, and to requests to the table. */
  readonly kills: Readonly<Record<string, number>>;
  readonly tableFaults: Readonly<Record<string, number>>;
  readonly useWrites: Readonly<Record<'noteUse' | 'move', number>>;
  /** Processes that ended by themselves. */
  readonly crashes: readonly string[];
  /** Of an account, for a person to read. */
  readonly journalOf: (accountId: string) => string[];
}

const TABLE_NAME = 'chaos';
const START_MS = 60_000;
/** For each container of get-token. */
const CALLERS = 3;

/** One run of one design. Everything it started has ended when it returns or rejects. */
export async function run(options: RunOptions): Promise<Result> {
  const stops: (() => unknown)[] = [];
  const stopAll = () => {
    for (const stop of stops.splice(0).reverse()) stop();
  };
  process.once('exit', stopAll);
  try {
    return await chaos(options, (stop) => stops.push(stop));
  } finally {
    stopAll();
    process.off('exit', stopAll);
  }
}

async function chaos(options: RunOptions, atEnd: (stop: () => unknown) => void): Promise<Result> {
  const { design, speed, seed } = options;
  const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-chaos-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const clock = fastClock({ origin: Date.now(), speed, ahead: 0 });
  const accessTokenLifetime = accessTokenLifetimeOf(options);
  const sizes = {
    'get-token': options.processes,
    'refresh-connection': Math.ceil(options.processes / 2),
    'refresh-sweep': 1,
    'save-rotation': 1,
  };
  const { services, child } = await startServices({
    folder,
    clock: clock.settings,
    tableName: TABLE_NAME,
    accessTokenLifetime,
  });
  atEnd(() => child.kill('SIGKILL'));
  Object.assign(process.env, CREDENTIALS);

  const dice = random(seed + 1);
  const journal = openJournal();
  const control = simulatorControl(services.jobberUrl);
  const passing: Fleet['passing'] = (...moment) => fleet.passing(...moment);
  const breaker = watchBreaker(clock.now);
  const table = await tableProxy(services.dynamoDbUrl, {
    random: dice,
    slowMs: clock.real(600),
    passing,
    breaker,
  });
  atEnd(() => table.close());
  const jobber = await jobberProxy(services.jobberUrl, {
    control,
    journal,
    passing,
    now: clock.now,
    eventOf: (container) => fleet.eventOf(container),
    accessTokenLifetime,
  });
  atEnd(() => jobber.close());
  const sqs = new SQSClient({ endpoint: services.sqsUrl });
  atEnd(() => sqs.destroy());
  // README.md: a person finds it in the log and sends it to the escrow queue.
  const metrics = readMetrics((accountId, rotation) => {
    const message = { MessageGroupId: accountId, MessageBody: rotation };
    sqs.send(new SendMessageCommand({ QueueUrl: services.queues.escrow, ...message }));
  });
  const fleet = openFleet({
    sizes,
    design,
    clock,
    dice,
    journal,
    read: metrics.read,
    environment: {
      ...CREDENTIALS,
      PATH: process.env['PATH'] ?? '',
      AWS_ENDPOINT_URL_DYNAMODB: table.url,
      AWS_ENDPOINT_URL_SQS: services.sqsUrl,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: services.secretsUrl,
      TABLE_NAME: services.tableName,
      APP_SECRET_ID: APP_SECRET,
      SEALING_SECRET_ID: SEALING_SECRET,
      REFRESH_QUEUE_URL: services.queues.refresh,
      ESCROW_QUEUE_URL: services.queues.escrow,
      JOBBER_BASE_URL: jobber.url,
      NODE_COMPILE_CACHE: join(folder, 'compiled'),
      POWERTOOLS_LOG_LEVEL: 'CRITICAL',
    },
  });
  atEnd(() => fleet.close());
  await fleet.start(START_MS);
  for (const name of ['refresh', 'escrow'] as const) {
    const { consumer } = queues[name];
    const source = startEventSource({
      sqsUrl: services.sqsUrl,
      queueUrl: services.queues[name],
      concurrency: sizes[consumer],
      invoke: (event) => fleet.invoke(consumer, event),
    });
    atEnd(() => source.stop());
  }
  const advance = (ms: number, withinMs: number) =>
    fleet.advance(
      ms,
      () => {
        clock.advance(ms);
        child.send({ kind: 'advance', ms });
      },
      withinMs,
    );
  const scenario = scenarioOf(options, clock.now());
  const customers = findCustomers({
    services,
    tableName: services.tableName,
    scenario,
    design,
    clock,
    control,
    journal,
  });
  atEnd(() => customers.close());
  await customers.connectAll();
  if (scenario.begins > clock.now()) await advance(scenario.begins - clock.now(), START_MS);
  const load = startLoad({
    fleet,
    accountIds: customers.accountIds,
    callers: CALLERS * sizes['get-token'],
    dice,
    clock,
    demand: scenario.demand,
    sweeps: scenario.sweeps,
  });

  const plan = makePlan(options);
  const stage = { fleet, load, table, control, customers, clock };
  const badTime = await carryOut(plan, options.seconds, stage);
  const settling = { fleet, load, customers, services, clock, accessTokenLifetime, advance };
  const audited = await settle(settling);
  const { totals } = await control.audit();
  return {
    options,
    plan,
    totals,
    needless: journal.needless(),
    audited,
    losses: customers.losses,
    connected: customers.connected,
    verdicts: customers.verdicts,
    answers: load.answers,
    sweepsFailed: load.sweepsFailed,
    wire: { attempts: journal.all(), breaker },
    badTime,
    metrics: metrics.sums,
    kills: fleet.counts,
    tableFaults: table.met,
    useWrites: table.written,
    crashes: fleet.crashes,
    journalOf: journal.of,
  };
}
