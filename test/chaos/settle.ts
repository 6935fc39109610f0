import {
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  type QueueAttributeName,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { GRACE } from '../../shared/tokens/budgets.ts';
import type { Audited, Customers } from './customers.ts';
import type { FastClock } from './fast-clock.ts';
import type { Fleet } from './fleet.ts';
import type { Load } from './load.ts';
import type { Services } from './messages.ts';

export interface Settling {
  readonly fleet: Fleet;
  readonly load: Load;
  readonly customers: Customers;
  readonly services: Services;
  readonly clock: FastClock;
  readonly accessTokenLifetime: number;
  /** Lets the clock of every process jump. */
  readonly advance: (ms: number, withinMs: number) => Promise<void>;
}

const MOST_ROUNDS = 12;
const MOST_SWEEPS = 10;
const PATIENCE_MS = 90_000;
/** In this time every doubt ends; seven rounds are more than an hour. */
const ROUND_MS = GRACE + 60_000;

/**
 * After the faults: drains the escrow, then lets the grace pass, visits and asks for each account, round by round, until
 * no connection has anything open. At last all access tokens have expired, every connection is visited, and every stored
 * refresh token is redeemed: the proof that it works.
 */
export async function settle(settling: Settling): Promise<Audited[]> {
  const { fleet, load, customers, clock, advance, services } = settling;
  const { refresh, escrow } = services.queues;
  const sqs = new SQSClient({ endpoint: services.sqsUrl });
  const round = async (ms: number) => {
    await fleet.rest(PATIENCE_MS);
    await advance(ms, PATIENCE_MS);
    // What it holds is hidden or delayed for longer than a round lasts here, and the sweep finds it again.
    await sqs.send(new PurgeQueueCommand({ QueueUrl: refresh }));
    await untilDone(load.sweepAll);
    await drained(sqs, refresh, ['ApproximateNumberOfMessages'], clock);
    await fleet.rest(PATIENCE_MS);
    await load.ask(customers.accountIds);
    await drained(sqs, escrow, EVERYTHING, clock);
  };
  try {
    load.stop();
    fleet.calm();
    await drained(sqs, escrow, EVERYTHING, clock);
    for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
      await round(ROUND_MS);
      if ((await customers.auditAll()).every(isSettled)) break;
    }
    await round(settling.accessTokenLifetime * 1000 + 60_000);
    // No visit that was put off may begin during the audit.
    await sqs.send(new PurgeQueueCommand({ QueueUrl: refresh }));
    await fleet.rest(PATIENCE_MS);
    return await customers.auditAll();
  } finally {
    sqs.destroy();
  }
}

/** A sweep asks for many slots: on a busy machine, one of these requests may time out. */
async function untilDone(sweep: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await sweep();
      return;
    } catch (error) {
      if (tries === MOST_SWEEPS) throw error;
    }
  }
}

function isSettled(audited: Audited): boolean {
  const isLost = audited.verdict === 'lost in the window';
  return openMarks(audited).length === 0 && (audited.verdict === 'alive' || isLost);
}

const MARKS = ['leaseId', 'inDoubtSince', 'refusedAt', 'retryAt', 'unconfirmedAt'];

/** What is not over about a connection that works. */
export function openMarks({ connection }: Audited): string[] {
  return connection?.status === 'active' ? MARKS.filter((mark) => mark in connection) : [];
}

const EVERYTHING: QueueAttributeName[] = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
];

/** Messages of a killed consumer come again when their visibility time-out has passed. */
async function drained(
  client: SQSClient,
  QueueUrl: string,
  AttributeNames: QueueAttributeName[],
  clock: FastClock,
): Promise<void> {
  const end = performance.now() + 10_000 + clock.real(10 * 60_000);
  for (;;) {
    const { Attributes = {} } = await client.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames }),
    );
    if (Object.values(Attributes).every((count) => count === '0')) return;
    if (performance.now() > end) throw new Error(`The queue ${QueueUrl} does not drain.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
