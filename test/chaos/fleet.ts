import { setTimeout as delay } from 'node:timers/promises';
import { type Container, SHORT_NAMES, startContainer } from './container.ts';
import type { Design } from './designs.ts';
import type { FastClock } from './fast-clock.ts';
import type { Journal } from './journal.ts';
import { FUNCTIONS, type Invoked } from './messages.ts';
import type { Caught, Moment, Passing } from './moments.ts';
import type { Random } from './random.ts';

export interface FleetOptions {
  /** Containers of each function. */
  readonly sizes: Readonly<Record<Invoked, number>>;
  readonly design: Design;
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: FastClock;
  readonly dice: Random;
  readonly journal: Journal;
  /** Gets each line that a container prints. */
  readonly read: (line: string) => void;
}

type Use = (container: Container) => void;

export type Fleet = ReturnType<typeof openFleet>;

/**
 * The containers that run the handlers, a few for each function. A container that died is replaced, until the fleet is
 * closed. An invocation waits for a free container, as that of a caller who is throttled and tries again.
 */
export function openFleet(options: FleetOptions) {
  const { sizes, clock, dice, journal } = options;
  const containers = new Map<string, Container>();
  const waiting = new Map(FUNCTIONS.map((name): [Invoked, Use[]] => [name, []]));
  let traps: { moment: Moment; act: (container: Container) => Caught | undefined }[] = [];
  const counts: Record<string, number> = {};
  const crashes: string[] = [];
  let started = 0;
  let underWay = 0;
  /** No container is given anything new. */
  let isHeld = false;
  let isClosed = false;

  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };

  function start(functionName: Invoked, slot: number): void {
    const name = `${SHORT_NAMES[functionName]}${slot}g${++started}`;
    const container = startContainer({
      name,
      slot,
      functionName,
      design: options.design,
      clock,
      environment: options.environment,
      read: options.read,
      heard(message) {
        if (message.kind === 'answered') journal.answered(message.redemption);
        if (message.kind === 'settled') journal.settled(message.redemption);
      },
      whenFree: () => handOut(functionName),
      whenEnded(complaint, timedOut) {
        journal.died(name, timedOut);
        containers.delete(name);
        if (complaint !== undefined && !isClosed)
          crashes.push(`${name} ended by itself: ${complaint}`);
        if (!isClosed) start(functionName, slot);
      },
    });
    containers.set(name, container);
  }

  const all = () => [...containers.values()];
  const ready = () => all().filter(({ isReady }) => isReady);

  function handOut(functionName: Invoked): void {
    if (isHeld) return;
    const free = all().filter((each) => each.functionName === functionName && each.isFree);
    for (const container of free) waiting.get(functionName)?.shift()?.(container);
  }

  async function invoke(functionName: Invoked, event: unknown): Promise<unknown> {
    underWay++;
    try {
      return await new Promise((resolve, reject) => {
        const timedOut = () => count(`timed out: ${functionName}`);
        waiting.get(functionName)?.push((container) => {
          container.invoke(event, timedOut).then(resolve, reject);
        });
        handOut(functionName);
      });
    } finally {
      underWay--;
    }
  }

  function kill(container: Container, why: string): Caught | undefined {
    if (!container.kill()) return undefined;
    count(`killed ${why}`);
    return 'killed';
  }

  /** Half of them may stand still at once. */
  function stall(container: Container, forMs: number, why: string): Caught | undefined {
    const stalled = all().filter(({ isStalled }) => isStalled).length;
    if (!container.isReady || container.isStalled || stalled >= containers.size / 2) {
      return undefined;
    }
    container.stall();
    count(`stopped ${why}`);
    setTimeout(() => container.resume(), forMs);
    return 'stopped';
  }

  const passing: Passing = (name, moment) => {
    const trap = traps.find((each) => each.moment === moment);
    const container = containers.get(name);
    if (!trap || !container?.isReady || container.isStalled) return undefined;
    traps = traps.filter((each) => each !== trap);
    return trap.act(container);
  };

  /** One that works, if one does. */
  function anyone(): Container | undefined {
    const busy = all().filter(({ isBusy, isStalled }) => isBusy && !isStalled);
    const from = busy.length > 0 ? busy : ready();
    return from.length > 0 ? dice.pick(from) : undefined;
  }

  async function until(condition: () => boolean, withinMs: number, what: string): Promise<void> {
    const end = performance.now() + withinMs;
    while (!condition()) {
      if (performance.now() > end) {
        const busy = all().map(({ name, isBusy }) => `${name}${isBusy ? ' busy' : ''}`);
        throw new Error(`The containers are not ${what}: ${[...busy, ...crashes].join('; ')}`);
      }
      await delay(20);
    }
  }

  return {
    counts,
    crashes,
    passing,
    /** @throws ContainerEnded; what the handler throws */
    invoke,
    /** What the container with this name is working on. */
    eventOf: (name: string): unknown => containers.get(name)?.event,
    async start(withinMs: number) {
      for (const functionName of FUNCTIONS) {
        for (let slot = 0; slot < sizes[functionName]; slot++) start(functionName, slot);
      }
      await until(() => ready().length === containers.size, withinMs, 'ready');
    },
    kill(moment?: Moment) {
      if (moment) traps.push({ moment, act: (container) => kill(container, moment) });
      else {
        const container = anyone();
        if (container) kill(container, 'at random');
      }
    },
    stop(forMs: number, moment?: Moment) {
      if (moment) traps.push({ moment, act: (container) => stall(container, forMs, moment) });
      else {
        const container = anyone();
        if (container) stall(container, forMs, 'at random');
      }
    },
    restart() {
      for (const container of ready()) kill(container, 'with all others');
    },
    /** No more kills and stops. */
    calm() {
      traps = [];
      for (const container of all()) container.resume();
    },
    /** Waits until nothing runs. */
    rest: (withinMs: number) =>
      until(() => underWay === 0 && ready().length === containers.size, withinMs, 'at rest'),
    /**
     * Lets the clock jump once no container works: a jump would take the time from an invocation that is under way.
     * @param jump of all other clocks
     */
    async advance(ms: number, jump: () => void, withinMs: number) {
      isHeld = true;
      const isIdle = () =>
        ready().length === containers.size && all().every(({ isBusy }) => !isBusy);
      await until(isIdle, withinMs, 'idle');
      jump();
      for (const container of all()) container.advance(ms);
      isHeld = false;
      for (const functionName of FUNCTIONS) handOut(functionName);
    },
    close() {
      isClosed = true;
      for (const container of all()) container.kill();
    },
  };
}
