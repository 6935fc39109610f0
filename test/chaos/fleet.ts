import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FastClock } from './fast-clock.ts';
import type { Journal } from './journal.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './messages.ts';
import type { Caught, Moment, Passing } from './moments.ts';
import type { Random } from './random.ts';

export interface FleetOptions {
  readonly size: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly worker: Omit<WorkerOptions, 'name' | 'seed'>;
  readonly clock: FastClock;
  readonly dice: Random;
  readonly journal: Journal;
  /** Gets each line that a worker prints. */
  readonly read: (line: string) => void;
}

interface Worker {
  readonly name: string;
  readonly slot: number;
  readonly child: ChildProcess;
  isReady: boolean;
  isStopped: boolean;
  isKilled: boolean;
  readonly said: Set<FromWorker['kind']>;
}

export type Fleet = ReturnType<typeof openFleet>;

const HERE = import.meta.dirname;

/** The processes that run the handlers. Whoever dies is replaced, until the fleet is closed. */
export function openFleet(options: FleetOptions) {
  const { size, clock, dice, journal } = options;
  const workers = new Map<number, Worker>();
  let armed: { moment: Moment; act: (worker: Worker) => Caught | undefined }[] = [];
  const counts: Record<string, number> = {};
  const crashes: string[] = [];
  let generation = 0;
  let mode: 'drain' | 'rest' | undefined;
  let isClosed = false;

  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };

  function start(slot: number): void {
    const name = `w${slot}g${++generation}`;
    const worker: WorkerOptions = { ...options.worker, name, seed: dice.below(2 ** 31) };
    const child = fork(join(HERE, 'worker.ts'), {
      execArgv: ['--import', join(HERE, 'time-scale.ts')],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...options.environment,
        // The SDK puts it into its user agent: so the proxy knows whose request it sees.
        AWS_SDK_UA_APP_ID: name,
        CHAOS_CLOCK: JSON.stringify(clock.settings),
        CHAOS_WORKER: JSON.stringify(worker),
      },
    });
    const started: Worker = {
      name,
      slot,
      child,
      isReady: false,
      isStopped: false,
      isKilled: false,
      said: new Set(),
    };
    workers.set(slot, started);
    watch(started);
  }

  function watch(worker: Worker): void {
    const { child, name, slot } = worker;
    child.on('message', (message: FromWorker) => {
      if (message.kind === 'answered') return journal.answered(message.redemption);
      if (message.kind === 'settled') return journal.settled(message.redemption);
      worker.said.add(message.kind);
      if (message.kind !== 'ready') return;
      worker.isReady = true;
      if (mode) tell(worker, { kind: mode });
    });
    child.on('error', () => undefined);
    if (child.stdout) createInterface(child.stdout).on('line', options.read);
    let complaint = '';
    child.stderr?.on('data', (chunk) => {
      complaint = `${complaint}${chunk}`.slice(-2_000);
    });
    // Its last messages come before the end of the channel, its last lines before `close`.
    Promise.all([once(child, 'disconnect'), once(child, 'close')]).then(() => {
      journal.died(name);
      if (!worker.isKilled) crashes.push(`${name} ended by itself: ${complaint}`);
      if (!isClosed) start(slot);
    });
  }

  function tell({ child, isKilled }: Worker, message: ToWorker): void {
    if (!isKilled && child.connected) child.send(message, () => undefined);
  }

  function kill(worker: Worker, why: string): Caught | undefined {
    if (worker.isKilled) return undefined;
    worker.isKilled = true;
    worker.child.kill('SIGKILL');
    count(`killed ${why}`);
    return 'killed';
  }

  /** Half of them may stand still at once. */
  function stop(worker: Worker, forMs: number, why: string): Caught | undefined {
    const stopped = [...workers.values()].filter(({ isStopped }) => isStopped).length;
    if (worker.isKilled || worker.isStopped || stopped >= size / 2) return undefined;
    worker.isStopped = true;
    worker.child.kill('SIGSTOP');
    count(`stopped ${why}`);
    setTimeout(() => resume(worker), forMs);
    return 'stopped';
  }

  function resume(worker: Worker): void {
    if (worker.isStopped) worker.child.kill('SIGCONT');
    worker.isStopped = false;
  }

  const ready = () => [...workers.values()].filter(({ isReady, isKilled }) => isReady && !isKilled);

  const passing: Passing = (name, moment) => {
    const trap = armed.find((each) => each.moment === moment);
    const worker = ready().find((each) => each.name === name && !each.isStopped);
    if (!trap || !worker) return undefined;
    armed = armed.filter((each) => each !== trap);
    return trap.act(worker);
  };

  async function until(condition: () => boolean, withinMs: number, what: string): Promise<void> {
    const end = performance.now() + withinMs;
    while (!condition()) {
      if (performance.now() > end) {
        const states = [...workers.values()].map(
          ({ name, said, isKilled }) => `${name}${isKilled ? ' killed' : ''} ${[...said]}`,
        );
        throw new Error(
          `The processes are not ${what} after all: ${[...states, ...crashes].join('; ')}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  const all = (kind: FromWorker['kind']) => () =>
    [...workers.values()].every(({ said, isKilled }) => said.has(kind) && !isKilled);

  return {
    counts,
    crashes,
    passing,
    async start(withinMs: number) {
      for (let slot = 0; slot < size; slot++) start(slot);
      await until(all('ready'), withinMs, 'ready');
    },
    kill(moment?: Moment) {
      if (moment) armed.push({ moment, act: (worker) => kill(worker, moment) });
      else if (ready().length > 0) kill(dice.pick(ready()), 'at random');
    },
    stop(forMs: number, moment?: Moment) {
      if (moment) armed.push({ moment, act: (worker) => stop(worker, forMs, moment) });
      else if (ready().length > 0) stop(dice.pick(ready()), forMs, 'at random');
    },
    restart() {
      for (const worker of ready()) kill(worker, 'with all others');
    },
    stampede(accountId: string) {
      for (const worker of ready()) tell(worker, { kind: 'stampede', accountId });
    },
    /** No more kills and stops; everybody runs, and takes up nothing new but what is queued. */
    async calm(withinMs: number) {
      armed = [];
      for (const worker of workers.values()) resume(worker);
      mode = 'drain';
      for (const worker of workers.values()) tell(worker, { kind: mode });
      await until(all('ready'), withinMs, 'ready');
    },
    advance(ms: number) {
      for (const worker of workers.values()) tell(worker, { kind: 'advance', ms });
    },
    /** Each account is asked for by one process. */
    async ask(accountIds: readonly string[], withinMs: number) {
      for (const worker of workers.values()) {
        worker.said.delete('asked');
        const own = accountIds.filter((_, index) => index % size === worker.slot);
        tell(worker, { kind: 'ask', accountIds: own });
      }
      await until(all('asked'), withinMs, 'done asking');
    },
    async rest(withinMs: number) {
      mode = 'rest';
      for (const worker of workers.values()) tell(worker, { kind: mode });
      await until(all('resting'), withinMs, 'at rest');
    },
    close() {
      isClosed = true;
      for (const worker of workers.values()) {
        worker.isKilled = true;
        worker.child.kill('SIGKILL');
      }
    },
  };
}
