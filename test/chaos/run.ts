import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { APP_SECRET, SEALING_SECRET } from '../../local/aws/secrets.ts';
import { simulatorControl } from '../../local/jobber/control-client.ts';
import type { Totals } from '../../local/jobber/state.ts';
import type { Finding } from './audit.ts';
import { carryOut } from './carry-out.ts';
import { type Audited, findCustomers } from './customers.ts';
import type { Design } from './designs.ts';
import { fastClock } from './fast-clock.ts';
import { type Fleet, openFleet } from './fleet.ts';
import { jobberProxy } from './jobber-proxy.ts';
import { openJournal } from './journal.ts';
import { readMetrics } from './metrics.ts';
import { makePlan, type PlanOptions, type Step } from './plan.ts';
import { random } from './random.ts';
import { settle } from './settle.ts';
import { CREDENTIALS, startServices } from './start-services.ts';
import { tableProxy } from './table-proxy.ts';

export interface RunOptions extends PlanOptions {
  readonly design: Design;
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
  readonly metrics: Readonly<Record<string, number>>;
  /** What happened to processes, and to requests to the table. */
  readonly kills: Readonly<Record<string, number>>;
  readonly tableFaults: Readonly<Record<string, number>>;
  /** Processes that ended by themselves. */
  readonly crashes: readonly string[];
  /** Of an account, for a person to read. */
  readonly journalOf: (accountId: string) => string[];
}

const TABLE_NAME = 'chaos';
const ACCESS_TOKEN_LIFETIME_S = 120;
const START_MS = 60_000;

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
  const { design, accounts, speed, seed } = options;
  const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-chaos-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const clock = fastClock({ origin: Date.now(), speed, ahead: 0 });
  const accessTokenLifetime = ACCESS_TOKEN_LIFETIME_S;
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
  const table = await tableProxy(services.dynamoDbUrl, {
    random: dice,
    slowMs: clock.real(600),
    passing,
  });
  atEnd(() => table.close());
  const jobber = await jobberProxy(services.jobberUrl, {
    control,
    journal,
    passing,
    now: Date.now,
  });
  atEnd(() => jobber.close());
  const customers = findCustomers({
    services,
    tableName: TABLE_NAME,
    accounts,
    accessTokenLifetime,
    design,
    clock,
    control,
    journal,
  });
  atEnd(() => customers.close());
  await customers.connectAll();

  const sqs = new SQSClient({ endpoint: services.sqsUrl });
  atEnd(() => sqs.destroy());
  // README.md: a person finds it in the log and sends it to the escrow queue.
  const metrics = readMetrics((accountId, rotation) => {
    const message = { MessageGroupId: accountId, MessageBody: rotation };
    sqs.send(new SendMessageCommand({ QueueUrl: services.queues.escrow, ...message }));
  });
  const fleet = openFleet({
    size: options.processes,
    clock,
    dice,
    journal,
    read: metrics.read,
    worker: { accountIds: customers.accountIds, design, queues: services.queues },
    environment: {
      ...CREDENTIALS,
      PATH: process.env['PATH'] ?? '',
      AWS_ENDPOINT_URL_DYNAMODB: table.url,
      AWS_ENDPOINT_URL_SQS: services.sqsUrl,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: services.secretsUrl,
      TABLE_NAME,
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

  const plan = makePlan(options);
  await carryOut(plan, options.seconds, { fleet, table, control, customers });
  const advance = (ms: number) => {
    clock.advance(ms);
    child.send({ kind: 'advance', ms });
    fleet.advance(ms);
  };
  const audited = await settle({ fleet, customers, services, clock, advance });
  const { totals } = await control.audit();
  return {
    options,
    plan,
    totals,
    needless: journal.needless(),
    audited,
    losses: customers.losses,
    metrics: metrics.sums,
    kills: fleet.counts,
    tableFaults: table.met,
    crashes: fleet.crashes,
    journalOf: journal.of,
  };
}
