import type { RemoteControl } from '../../local/jobber/control-client.ts';
import type { Customers } from './customers.ts';
import type { Fleet } from './fleet.ts';
import type { Step, Trouble } from './plan.ts';
import type { TableProxy } from './table-proxy.ts';

export interface Stage {
  readonly fleet: Fleet;
  readonly table: TableProxy;
  readonly control: RemoteControl;
  readonly customers: Customers;
}

const LOOK_EVERY_MS = 500;
/** How many accounts are asked for as an outage begins. */
const STAMPEDED = 30;

/** Does what the plan says when it says so, looks after the customers, and ends every fault. */
export async function carryOut(plan: readonly Step[], seconds: number, stage: Stage) {
  const { control, customers } = stage;
  const start = performance.now();
  const end = start + seconds * 1000;
  const ends = new Set<() => void>();
  let nextLook = start;
  const steps = [...plan];
  while (performance.now() < end) {
    const now = performance.now();
    while (steps[0] && start + steps[0].at <= now) {
      await begin(steps.shift() as Step, stage, ends);
    }
    if (nextLook <= now) {
      await customers.lookAfterThem();
      nextLook = performance.now() + LOOK_EVERY_MS;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (const finish of ends) finish();
  await control.clearFaults();
}

async function begin(trouble: Trouble, stage: Stage, ends: Set<() => void>): Promise<void> {
  const { fleet, table, control, customers } = stage;
  const lasting = (forMs: number, finish: () => void) => {
    ends.add(finish);
    setTimeout(finish, forMs).unref();
  };
  switch (trouble.kind) {
    case 'kill':
      return fleet.kill(trouble.moment);
    case 'stop':
      return fleet.stop(trouble.forMs, trouble.moment);
    case 'restart':
      return fleet.restart();
    case 'stampede':
      return fleet.stampede(customers.accountIds[trouble.account] ?? '');
    case 'reconnect':
      return customers.reconnect(trouble.account);
    case 'table':
      return lasting(trouble.forMs, table.begin(trouble.fault));
    case 'outage':
      await control.clearFaults();
      await control.pushFaults({ kind: 'latency', ms: trouble.jobberMs, times: STAMPEDED });
      for (const accountId of customers.accountIds.slice(0, STAMPEDED)) fleet.stampede(accountId);
      await new Promise((resolve) => setTimeout(resolve, trouble.jobberMs / 2));
      lasting(trouble.forMs, table.begin({ kind: 'no answer', scope: 'all', share: 0.5 }));
      return lasting(trouble.forMs, table.begin({ kind: 'error 500', scope: 'all', share: 1 }));
    case 'jobber':
      await control.pushFaults(trouble.fault);
      // All faults of Jobber end with one that lasts: there is no way to end it alone.
      if (trouble.forMs) lasting(trouble.forMs, () => control.clearFaults().catch(() => undefined));
  }
}
