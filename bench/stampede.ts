import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { encodeAccountId } from '../local/jobber/accounts.ts';
import { raw } from './baselines/raw.ts';
import type { Design } from './design.ts';
import { type DesignName, designNames, designs } from './designs.ts';
import { ours } from './ours.ts';
import { type Process, startProcess } from './processes.ts';
import { tableCalls } from './requests.ts';
import type { Services } from './services.ts';
import type { Rush, Rushed, WorkerOptions } from './stampede-worker.ts';
import { quantile, rotated, type Spread, spread } from './statistics.ts';

export interface StampedeOptions {
  readonly rounds: number;
  readonly processes: number;
  readonly callers: number;
  /** How long the token endpoint takes. */
  readonly endpointMs: number;
  /** No further round of a design begins once its rounds have taken so long. */
  readonly secondsEach: number;
}

export interface Stampede {
  readonly design: DesignName;
  readonly rounds: number;
  /** A round. */
  readonly redemptions: Spread;
  /** Callers without a token, of all rounds. */
  readonly errors: number;
  readonly errorsPerRound: Spread;
  /** Until a caller has its token, in milliseconds; the quantile of each round. */
  readonly p50: Spread;
  readonly p99: Spread;
  readonly callsPerCaller: Spread;
  /** After how many rounds a calm caller got no token any more: the customer would have to connect again. */
  readonly lost: number;
}

export interface StampedeResult extends StampedeOptions {
  /** The POST and two bare writes, for a single caller, in milliseconds. */
  readonly raw: Spread;
  readonly designs: readonly Stampede[];
}

const FIRST_ACCOUNT = 2_000_000;
const START_DELAY_MS = 30;

/** What a round showed. */
interface Round {
  readonly took: readonly number[];
  readonly errors: number;
  readonly redemptions: number;
  readonly calls: number;
  readonly lost: boolean;
}

/** Everybody at once, in several processes, on a connection whose access token has expired. */
export async function measureStampede(
  services: Services,
  options: StampedeOptions,
): Promise<StampedeResult> {
  const { at, jobber } = services;
  const db = new DynamoDBClient({ endpoint: at.tableUrl });
  const tables = Object.fromEntries(
    await Promise.all(designNames.map(async (name) => [name, await services.newTable()])),
  ) as WorkerOptions['tables'];
  const workers = await Promise.all(
    Array.from({ length: options.processes }, () =>
      startProcess('stampede-worker.ts', { STAMPEDE: JSON.stringify({ at, tables }) }),
    ),
  );
  const rounds = new Map<DesignName, Round[]>(designNames.map((name) => [name, []]));
  const spent = new Map<DesignName, number>();
  const bare: number[] = [];
  let account = FIRST_ACCOUNT;
  try {
    // The first round warms up.
    for (let turn = -1; turn < options.rounds; turn++) {
      const took = await bareRefresh(account++);
      if (turn >= 0) bare.push(took);
      for (const name of rotated(designNames, turn + 1)) {
        if ((spent.get(name) ?? 0) > options.secondsEach * 1000) continue;
        const started = performance.now();
        const done = await round(name, account++);
        if (turn < 0) continue;
        rounds.get(name)?.push(done);
        spent.set(name, (spent.get(name) ?? 0) + performance.now() - started);
      }
    }
  } finally {
    await jobber.clearFaults();
    await Promise.all(workers.map((worker) => worker.stop()));
    db.destroy();
  }
  return {
    ...options,
    raw: spread(bare),
    designs: designNames.map((name) => summary(name, rounds.get(name) ?? [])),
  };

  async function connectExpired({ save, expire }: Design, number: number) {
    const [tokens = { accessToken: '', refreshToken: '' }] = await services.grant([number]);
    const accountId = encodeAccountId(number);
    await save(accountId, tokens);
    await expire(accountId);
    await jobber.pushFaults({
      kind: 'latency',
      ms: options.endpointMs,
      accountId: number,
      times: null,
    });
    return { accountId, refreshToken: tokens.refreshToken };
  }

  async function bareRefresh(number: number): Promise<number> {
    const setting = { at, db, tableName: tables['jobber-tokens'] };
    const { accountId, refreshToken } = await connectExpired(ours(setting), number);
    const started = performance.now();
    await raw(setting, { conditions: false }).refresh(accountId, refreshToken);
    return performance.now() - started;
  }

  async function round(name: DesignName, number: number): Promise<Round> {
    // A design of its own, which has no token in its cache.
    const design = designs[name]({ at, db, tableName: tables[name] });
    const { accountId } = await connectExpired(design, number);
    const before = await jobber.auditAccount(number);
    const { processes, callers } = options;
    const rush: Rush = {
      design: name,
      accountId,
      callers: Math.round(callers / processes),
      startsAt: Date.now() + START_DELAY_MS,
    };
    const rushed = await Promise.all(
      workers.map((worker: Process<unknown>) => worker.ask<Rushed>(rush)),
    );
    const after = await jobber.auditAccount(number);
    await jobber.clearFaults();
    return {
      took: rushed.flatMap(({ took }) => took),
      errors: rushed.reduce((sum, { errors }) => sum + errors.length, 0),
      redemptions: after.redemptions + after.refusals - before.redemptions - before.refusals,
      calls: rushed.reduce((sum, { requests }) => sum + tableCalls(requests), 0),
      lost: !(await isAlive(design, accountId)),
    };
  }
}

/** Whether a calm caller gets a new token an hour later. */
async function isAlive(design: Design, accountId: string): Promise<boolean> {
  await delay(5);
  await design.expire(accountId);
  return design.getToken(accountId).then(
    () => true,
    () => false,
  );
}

function summary(design: DesignName, rounds: readonly Round[]): Stampede {
  const of = (value: (round: Round) => number) => spread(rounds.map(value));
  return {
    design,
    rounds: rounds.length,
    redemptions: of(({ redemptions }) => redemptions),
    errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
    errorsPerRound: of(({ errors }) => errors),
    p50: of(({ took }) => quantile(took, 0.5)),
    p99: of(({ took }) => quantile(took, 0.99)),
    callsPerCaller: of(({ calls, took, errors }) => calls / (took.length + errors)),
    lost: rounds.filter(({ lost }) => lost).length,
  };
}
