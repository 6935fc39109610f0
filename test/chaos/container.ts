import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { functions } from '../../functions/manifest.ts';
import type { FastClock } from './fast-clock.ts';
import type { ContainerOptions, FromContainer, Invoked, ToContainer } from './messages.ts';

export interface ContainerStart extends ContainerOptions {
  readonly slot: number;
  readonly clock: FastClock;
  readonly environment: Readonly<Record<string, string>>;
  /** Gets each line that the process prints. */
  readonly read: (line: string) => void;
  /** Gets what the process says of its redemptions. */
  readonly heard: (message: FromContainer) => void;
  readonly whenFree: () => void;
  /**
   * The process ended; all that it said was heard. `complaint`: if it was not killed; `timedOut`: if its function took too
   * long, though nothing had held it up.
   */
  readonly whenEnded: (complaint: string | undefined, timedOut: boolean) => void;
}

export type Container = ReturnType<typeof startContainer>;

/** The error of an invocation whose container died. */
export class ContainerEnded extends Error {}

const HERE = import.meta.dirname;

/**
 * A function in a process, as Lambda runs it: one invocation at a time; frozen (SIGSTOP) from the answer to the next
 * invocation, with its timers and sockets as they are; killed when an invocation takes longer than the function's
 * time-out.
 */
export function startContainer(start: ContainerStart) {
  const { name, slot, functionName, design, clock } = start;
  const timeoutMs = functions[functionName].timeoutSeconds * 1000;
  const options: ContainerOptions = { name, functionName, design };
  const child = fork(join(HERE, 'container-process.ts'), {
    execArgv: ['--import', join(HERE, 'time-scale.ts')],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...start.environment,
      // The SDK puts it into its user agent: so the proxy knows whose request it sees.
      AWS_SDK_UA_APP_ID: name,
      CHAOS_CLOCK: JSON.stringify(clock.settings),
      CHAOS_CONTAINER: JSON.stringify(options),
    },
  });
  let isReady = false;
  let isFrozen = false;
  let isStalled = false;
  let isPaused = false;
  let isKilled = false;
  let wasHeldUp = false;
  let timedOut = false;
  let invocation: Invocation | undefined;

  child.on('message', (message: FromContainer) => {
    switch (message.kind) {
      case 'ready':
        isReady = true;
        return free();
      case 'returned':
        invocation?.outcome.resolve(message.result);
        return free();
      case 'thrown':
        invocation?.outcome.reject(new Error(message.message));
        return free();
      default:
        start.heard(message);
    }
  });
  child.on('error', () => undefined);
  if (child.stdout) createInterface(child.stdout).on('line', start.read);
  let complaint = '';
  child.stderr?.on('data', (chunk) => {
    complaint = `${complaint}${chunk}`.slice(-2_000);
  });
  // Its last messages come before the end of the channel, its last lines before `close`.
  Promise.all([once(child, 'disconnect'), once(child, 'close')]).then(() => {
    const complains = !isKilled;
    isKilled = true;
    clearTimeout(invocation?.timeout);
    start.whenEnded(complains ? complaint : undefined, timedOut);
    invocation?.outcome.reject(new ContainerEnded(`${name} ended.`));
    invocation = undefined;
  });

  function free(): void {
    clearTimeout(invocation?.timeout);
    invocation = undefined;
    isFrozen = true;
    pauseOrGoOn(child);
    start.whenFree();
  }

  function pauseOrGoOn(child: ChildProcess): void {
    const pause = isFrozen || isStalled;
    if (pause !== isPaused) child.kill(pause ? 'SIGSTOP' : 'SIGCONT');
    isPaused = pause;
  }

  function tell(message: ToContainer): void {
    if (!isKilled && child.connected) child.send(message, () => undefined);
  }

  function kill(): boolean {
    if (isKilled) return false;
    isKilled = true;
    child.kill('SIGKILL');
    return true;
  }

  return {
    name,
    slot,
    functionName,
    kill,
    get isReady() {
      return isReady && !isKilled;
    },
    get isFree() {
      return isReady && !isKilled && !isStalled && invocation === undefined;
    },
    get isBusy() {
      return !isKilled && invocation !== undefined;
    },
    get isStalled() {
      return isStalled && !isKilled;
    },
    get event() {
      return invocation?.event;
    },
    /** Only a free one. @throws ContainerEnded; what the handler throws */
    invoke(event: unknown, whenTimedOut: () => void): Promise<unknown> {
      const timeout = setTimeout(() => {
        if (!kill()) return;
        timedOut = !wasHeldUp;
        whenTimedOut();
      }, clock.real(timeoutMs));
      const outcome = Promise.withResolvers<unknown>();
      invocation = { event, timeout, outcome };
      isFrozen = false;
      wasHeldUp = false;
      pauseOrGoOn(child);
      tell({ kind: 'invoke', event, endsAt: clock.now() + timeoutMs });
      return outcome.promise;
    },
    /** Whatever it is doing, it does not go on before `resume`. */
    stall(): void {
      isStalled = true;
      wasHeldUp = true;
      pauseOrGoOn(child);
    },
    resume(): void {
      if (!isStalled || isKilled) return;
      isStalled = false;
      pauseOrGoOn(child);
      if (invocation === undefined) start.whenFree();
    },
    advance: (ms: number) => tell({ kind: 'advance', ms }),
  };
}

interface Invocation {
  readonly event: unknown;
  readonly timeout: NodeJS.Timeout;
  readonly outcome: PromiseWithResolvers<unknown>;
}

/** In the names of containers. */
export const SHORT_NAMES: Readonly<Record<Invoked, string>> = {
  'get-token': 'get',
  'refresh-connection': 'refresh',
  'refresh-sweep': 'sweep',
  'save-rotation': 'save',
};
