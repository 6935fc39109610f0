import type { RemoteControl } from '../../local/jobber/control-client.ts';
import type { BadTime } from './bad-time.ts';
import type { Customers } from './customers.ts';
import type { FastClock } from './fast-clock.ts';
import type { Fleet } from './fleet.ts';
import type { Load } from './load.ts';
import type { Step, Trouble } from './plan.ts';
import type { TableProxy } from './table-proxy.ts';

export interface Stage {
  readonly fleet: Fleet;
  readonly load: Load;
  readonly clock: FastClock;
  readonly table: TableProxy;
  readonly control: RemoteControl;
  readonly customers: Customers;
}

const LOOK_EVERY_MS = 500;
/** How many accounts are asked for as an outage begins. */
const STAMPEDED = 30;

/**
 * Does what the plan says when it says so, looks after the customers, and ends every fault.
 * @returns the time in which Jobber was bad, if the plan has one
 */
export async function carryOut(
  plan: readonly Step[],
  seconds: number,
  stage: Stage,
): Promise<BadTime | undefined> {
  const { control, customers } = stage;
  const start = performance.now();
  const end = start + seconds * 1000;
  const ends = new Set<() => void>();
  let nextLook = start;
  let badTime: BadTime | undefined;
  const steps = [...plan];
  while (performance.now() < end) {
    const now = performance.now();
    while (steps[0] && start + steps[0].at <= now) {
      badTime = (await begin(steps.shift() as Step, stage, ends)) ?? badTime;
    }
    if (nextLook <= now) {
      await customers.lookAfterThem();
      nextLook = performance.now() + LOOK_EVERY_MS;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (const finish of ends) finish();
  await control.clearFaults();
  return badTime;
}

async function begin(
  trouble: Trouble,
  stage: Stage,
  ends: Set<() => void>,
): Promise<BadTime | undefined> {
  const { fleet, load, table, control, customers, clock } = stage;
  const lasting = (forMs: number, finish: () => void) => {
    ends.add(finish);
    setTimeout(finish, forMs).unref();
  };
  const lastingJobber = (forMs: number) =>
    // All faults of Jobber end with one that lasts: there is no way to end it alone.
    lasting(forMs, () => control.clearFaults().catch(() => undefined));
  const askForMany = () => {
    for (const accountId of customers.accountIds.slice(0, STAMPEDED)) load.stampede(accountId);
  };
  switch (trouble.kind) {
    case 'kill':
      fleet.kill(trouble.moment);
      break;
    case 'stop':
      fleet.stop(trouble.forMs, trouble.moment);
      break;
    case 'restart':
      fleet.restart();
      break;
    case 'stampede':
      load.stampede(customers.accountIds[trouble.account] ?? '');
      break;
    case 'reconnect':
      await customers.reconnect(trouble.account);
      break;
    case 'table':
      lasting(trouble.forMs, table.begin(trouble.fault));
      break;
    case 'outage':
      await control.clearFaults();
      await control.pushFaults({ kind: 'latency', ms: trouble.jobberMs, times: STAMPEDED });
      askForMany();
      await new Promise((resolve) => setTimeout(resolve, trouble.jobberMs / 2));
      lasting(trouble.forMs, table.begin({ kind: 'no answer', scope: 'all', share: 0.5 }));
      lasting(trouble.forMs, table.begin({ kind: 'error 500', scope: 'all', share: 1 }));
      break;
    case 'jobber':
      await control.pushFaults(trouble.fault);
      if (trouble.forMs) lastingJobber(trouble.forMs);
      break;
    case 'bad time': {
      await control.clearFaults();
      await control.pushFaults(...trouble.faults);
      lastingJobber(trouble.forMs);
      const start = clock.now();
      const end = start + trouble.forMs * clock.settings.speed;
      return { start, end, due: await customers.dueBetween(start, end) };
    }
  }
  return undefined;
}
