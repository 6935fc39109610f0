import { setTimeout as delay } from 'node:timers/promises';
import type { TableFault } from '../chaos/table-proxy.ts';
import { type Asking, keepAsking } from './asking.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { type CertifiedSystem, certifiedSystem } from './system.ts';

const ACCOUNTS = [430114, 518027, 602391, 700001] as const;

/** As long as a lease may last: by then, others have taken over what was not stored. */
const AFTERWARDS_MS = 27_000;
const SETTLE_MS = 60_000;

/** Two connections come due when the trouble begins, the others after these shares of its time. */
const COMES_DUE_AT = [0, 0, 0.4, 0.8] as const;

type Answers = Readonly<Record<string, number>>;

export interface Report extends Outcome {
  readonly numbers: string;
}

/** The table suffers the fault for some seconds, connections come due meanwhile, and everybody asks for their tokens. */
export async function outage(
  assembly: string,
  fault: TableFault,
  seconds: number,
): Promise<Report> {
  return inSystem(assembly, async (system) => {
    const begun = Date.now();
    const asking = keepAsking(system);
    const end = system.table.begin(fault);
    const comingDue = comeDue(asking, seconds * 1_000);
    await delay(seconds * 1_000);
    end();
    await comingDue;
    await delay(begun + seconds * 1_000 + AFTERWARDS_MS - Date.now());
    await asking.stop();
    if (!system.table.met[fault.kind]) throw new Error('No request met the fault.');
    return asking.answers;
  });
}

/**
 * The server decides at once and answers late. A caller asks beside a sweep, others report that the API rejects a token that
 * the table still takes for good, and an account is connected twice more while it is refreshed.
 */
export async function slowAnswers(assembly: string, seconds: number): Promise<Report> {
  return inSystem(assembly, async (system) => {
    const [beside, rejected, reconnected] = ACCOUNTS;
    system.server.answerAfterMs = seconds * 1_000;
    const asking = keepAsking(system);
    const reporting = reportRejected(system, rejected);
    for (const account of ACCOUNTS) if (account !== rejected) await asking.comesDue(account);
    const sweeping = Promise.all([system.getToken(beside), system.sweep()]);
    await delay(1_000);
    await Promise.all([system.connect(reconnected), system.connect(reconnected)]);
    await delay(seconds * 1_000 + 8_000);
    system.server.answerAfterMs = 0;
    await Promise.all([reporting, sweeping, asking.stop()]);
    return asking.answers;
  });
}

async function reportRejected(system: CertifiedSystem, account: number): Promise<void> {
  await system.endsIn(account, 1_800);
  const answer = await system.getToken(account);
  if (!answer.ok) throw new Error(answer.error.message);
  const { accessToken: rejectedToken } = answer;
  await Promise.all([1, 2, 3].map(() => system.getToken(account, { rejectedToken })));
}

async function comeDue(asking: Asking, withinMs: number): Promise<void> {
  await Promise.all(
    ACCOUNTS.map(async (account, index) => {
      await delay((COMES_DUE_AT[index] ?? 0) * withinMs);
      await asking.comesDue(account);
    }),
  );
}

async function inSystem(
  assembly: string,
  happen: (system: CertifiedSystem) => Promise<Answers>,
): Promise<Report> {
  const system = await oneByOne(() => readySystem(assembly));
  try {
    const answers = await happen(system);
    const outcome = await outcomeOf(system, ACCOUNTS, SETTLE_MS);
    return { ...outcome, numbers: inNumbers(system, answers) };
  } finally {
    await system.close();
  }
}

async function readySystem(assembly: string): Promise<CertifiedSystem> {
  const system = await certifiedSystem(assembly);
  try {
    await Promise.all([
      system.lambda.warm('get-token', ACCOUNTS.length, {}),
      system.lambda.warm('refresh-sweep', 1, {}),
      system.lambda.warm('refresh-connection', 1, { Records: [] }),
      system.lambda.warm('save-rotation', 1, { Records: [] }),
    ]);
    for (const account of ACCOUNTS) await system.connect(account);
    return system;
  } catch (error) {
    await system.close();
    throw error;
  }
}

let before: Promise<unknown> = Promise.resolve();

/** A dozen cold starts at once would take longer than the functions may. */
function oneByOne<T>(start: () => Promise<T>): Promise<T> {
  const started = before.then(start);
  before = started.catch(() => undefined);
  return started;
}

function inNumbers({ server, lambda, table }: CertifiedSystem, answers: Answers): string {
  const redemptions: Record<string, number> = {};
  for (const { outcome } of server.redemptions) {
    redemptions[outcome] = (redemptions[outcome] ?? 0) + 1;
  }
  const deliveries = lambda.invocations['save-rotation'];
  return JSON.stringify({ redemptions, faults: table.met, deliveries, answers });
}
