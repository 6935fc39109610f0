import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { encodeAccountId } from '../local/jobber/accounts.ts';
import { type Contender, contenders } from './contenders.ts';
import { measureItem } from './item.ts';
import { ours } from './ours.ts';
import { countRequests, tableCalls } from './requests.ts';
import type { Services, Store } from './services.ts';
import { median, rotated, type Spread, spread } from './statistics.ts';
import { countUnits, type Units } from './units.ts';

/** What one operation asks of the table and of Jobber. */
export interface Consumed extends Units {
  readonly calls: number;
  readonly posts: number;
}

export interface Operation {
  readonly design: Contender['design'];
  readonly operation: Contender['operation'];
  readonly ms: Spread;
  /** As a multiple of the bare calls that it cannot do without. */
  readonly ofRaw: Spread;
  /** As a multiple of the same calls with the conditions of the protocol; of refreshes. */
  readonly ofRawWithConditions: Spread | undefined;
  readonly consumed: Consumed;
}

export interface OperationsResult {
  readonly store: Store;
  readonly repetitions: number;
  readonly operationsEach: number;
  readonly cached: { readonly microseconds: Spread; readonly requests: number };
  readonly operations: readonly Operation[];
  readonly item: Awaited<ReturnType<typeof measureItem>>;
}

export interface OperationsOptions {
  readonly repetitions: number;
  /** Repetitions before these, whose times do not count: a store that runs in a Java VM becomes fast slowly. */
  readonly warmUps: Readonly<Record<Store, number>>;
  readonly operationsEach: number;
}

const CACHE_READS = 100_000;
const FIRST_ACCOUNT = 1_000_000;

/** One caller, one operation after the other. */
export async function measureOperations(
  services: Services,
  { repetitions, warmUps, operationsEach }: OperationsOptions,
): Promise<OperationsResult> {
  const accounts = Array.from({ length: operationsEach }, (_, index) => FIRST_ACCOUNT + index);
  const consumed = await measureConsumption(services);
  const db = new DynamoDBClient({ endpoint: services.at.tableUrl });
  const all = await contenders(services, db, accounts);
  const times = all.map((): number[] => []);
  for (let turn = -warmUps[services.store]; turn < repetitions; turn++) {
    const took = await timeAll(all, accounts.map(encodeAccountId));
    if (turn >= 0) for (const [index, ms] of took.entries()) times[index]?.push(ms);
  }
  const timesOf = (design: Contender['design'], operation: Contender['operation']) =>
    times[all.findIndex((each) => each.design === design && each.operation === operation)] ?? [];
  const operations = all.map(({ design, operation }, index): Operation => {
    const own = times[index] ?? [];
    const ratio = (bare: readonly number[]) =>
      spread(own.map((ms, turn) => ms / (bare[turn] ?? Number.NaN)));
    const withConditions = timesOf('raw, with conditions', operation);
    return {
      design,
      operation,
      ms: spread(own),
      ofRaw: ratio(timesOf('raw', operation)),
      ofRawWithConditions: withConditions.length > 0 ? ratio(withConditions) : undefined,
      consumed: consumed[index] as Consumed,
    };
  });
  const result = {
    store: services.store,
    repetitions,
    operationsEach,
    cached: await measureCache(services, db, repetitions),
    operations,
    item: await measureItem(services),
  };
  db.destroy();
  return result;
}

/**
 * The median of each operation over the accounts, in milliseconds; those who do the same take turns at each
 * account, so that whatever the machine does meets them all.
 */
async function timeAll(
  all: readonly Contender[],
  accountIds: readonly string[],
): Promise<number[]> {
  for (const { before } of all) await Promise.all(accountIds.map(before));
  const running = all.map(({ operation, start }) => ({
    operation,
    run: start(),
    times: [] as number[],
  }));
  for (const rivals of Map.groupBy(running, ({ operation }) => operation).values()) {
    for (const [turn, accountId] of accountIds.entries()) {
      for (const { run, times } of rotated(rivals, turn)) {
        const started = performance.now();
        await run(accountId);
        times.push(performance.now() - started);
      }
    }
  }
  return running.map(({ times }) => median(times));
}

/** By a client that asks for the capacity, apart from the measured times. */
async function measureConsumption(services: Services): Promise<Consumed[]> {
  const db = new DynamoDBClient({ endpoint: services.at.tableUrl });
  const all = await contenders(services, db, [FIRST_ACCOUNT]);
  const units = countUnits(db);
  const requests = countRequests();
  const accountId = encodeAccountId(FIRST_ACCOUNT);
  const consumed: Consumed[] = [];
  for (const { before, start } of all) {
    await before(accountId);
    const run = start();
    units();
    requests();
    await run(accountId);
    const sent = requests();
    consumed.push({ ...units(), calls: tableCalls(sent), posts: sent['POST'] ?? 0 });
  }
  db.destroy();
  return consumed;
}

async function measureCache(services: Services, db: DynamoDBClient, repetitions: number) {
  const tableName = await services.newTable();
  const design = ours({ at: services.at, db, tableName });
  const accountId = encodeAccountId(FIRST_ACCOUNT);
  const [tokens] = await services.grant([FIRST_ACCOUNT]);
  if (tokens) await design.save(accountId, tokens);
  await design.getToken(accountId);
  const requests = countRequests();
  const times: number[] = [];
  for (let turn = 0; turn < repetitions; turn++) {
    const started = performance.now();
    for (let read = 0; read < CACHE_READS; read++) await design.getToken(accountId);
    times.push(((performance.now() - started) * 1000) / CACHE_READS);
  }
  const sent = Object.values(requests()).reduce((sum, count) => sum + count, 0);
  return { microseconds: spread(times), requests: sent };
}
