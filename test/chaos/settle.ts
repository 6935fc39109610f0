import { GetQueueAttributesCommand, PurgeQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { GRACE } from '../../shared/tokens/budgets.ts';
import type { Audited, Customers } from './customers.ts';
import type { FastClock } from './fast-clock.ts';
import type { Fleet } from './fleet.ts';
import type { Services } from './messages.ts';

export interface Settling {
  readonly fleet: Fleet;
  readonly customers: Customers;
  readonly services: Services;
  readonly clock: FastClock;
  /** Lets the clock of every process jump. */
  readonly advance: (ms: number) => void;
}

const MOST_ROUNDS = 12;
const PATIENCE_MS = 90_000;

/**
 * After the faults: drains the escrow, then lets the grace pass and asks for each account, until no
 * connection has anything open: a verdict takes two rounds, since it needs two refusals. The last round redeems every stored token: the proof that it works.
 */
export async function settle(settling: Settling): Promise<Audited[]> {
  const { fleet, customers, services, clock, advance } = settling;
  const sqs = new SQSClient({ endpoint: services.sqsUrl });
  try {
    await fleet.calm(PATIENCE_MS);
    // It names connections that may be due, and holds nothing that could be lost.
    await sqs.send(new PurgeQueueCommand({ QueueUrl: services.queues.refresh }));
    for (let round = 0; ; round++) {
      await drained(sqs, services.queues.escrow, clock);
      if (round > 0 && (await customers.auditAll()).every(isSettled)) break;
      if (round === MOST_ROUNDS) break;
      advance(GRACE + 60_000);
      await fleet.ask(customers.accountIds, PATIENCE_MS);
    }
    await fleet.rest(PATIENCE_MS);
    return await customers.auditAll();
  } finally {
    sqs.destroy();
  }
}

function isSettled({ connection, verdict }: Audited): boolean {
  if (connection?.status !== 'active') return true;
  const { leaseId, inDoubtSince, unconfirmedAt, refusedAt } = connection;
  return (
    verdict === 'alive' && (leaseId ?? inDoubtSince ?? unconfirmedAt ?? refusedAt) === undefined
  );
}

/** Messages of a killed consumer come again when their visibility time-out has passed. */
async function drained(client: SQSClient, QueueUrl: string, clock: FastClock): Promise<void> {
  const end = performance.now() + 10_000 + clock.real(10 * 60_000);
  for (;;) {
    const { Attributes = {} } = await client.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    if (Object.values(Attributes).every((count) => count === '0')) return;
    if (performance.now() > end) throw new Error(`The queue ${QueueUrl} does not drain.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
