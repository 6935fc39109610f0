import { fork } from 'node:child_process';
import type { FunctionName } from '../functions/manifest.ts';
import { isBuilt } from './built.ts';

/** What is run, and how. */
export interface Image {
  readonly name: FunctionName;
  /** Holds the handler, as CommonJS or as a module. */
  readonly file: string;
  /** The name under which the file exports it. */
  readonly handler: string;
  readonly timeoutSeconds: number;
  /** All that the process finds in its environment. */
  readonly environment: NodeJS.ProcessEnv;
}

/** To the process. */
export interface Invocation {
  readonly id: number;
  readonly event: unknown;
  /** Milliseconds since the Unix epoch. */
  readonly endsAt: number;
}

/** From the process, once it has loaded the handler, or failed to. */
export interface Ready {
  readonly ready: true;
}

/** From the process, for each invocation. */
export interface Outcome {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly name: string; readonly message: string };
}

export interface Container {
  readonly isRunning: boolean;
  /** Of its process. */
  readonly pid: number | undefined;
  /** Unlike on Lambda, one process serves several invocations at once. */
  invoke(event: unknown): Promise<unknown>;
  stop(): void;
}

/**
 * A function in a process of its own. As on Lambda, an invocation that takes too long ends it; its time begins when the
 * handler is loaded.
 */
export function startContainer(image: Image): Container {
  const { name, file, handler, timeoutSeconds, environment } = image;
  const child = fork(
    new URL(`./container-process.${isBuilt ? 'js' : 'ts'}`, import.meta.url),
    [name, file, handler],
    {
      env: environment,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  );
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const loaded = Promise.withResolvers<void>();
  let invocations = 0;
  let isRunning = true;
  child.on('message', (message: Ready | Outcome) => {
    if ('ready' in message) return loaded.resolve();
    const { id, result, error } = message;
    const invocation = waiting.get(id);
    waiting.delete(id);
    if (error) invocation?.reject(Object.assign(new Error(error.message), { name: error.name }));
    else invocation?.resolve(result);
  });
  loaded.promise.catch(() => undefined);
  child.once('exit', () => end(new Error(`The process of ${name} has ended.`)));
  child.on('error', end);

  function end(error: Error): void {
    isRunning = false;
    loaded.reject(error);
    for (const invocation of waiting.values()) invocation.reject(error);
    waiting.clear();
    child.kill('SIGKILL');
  }

  return {
    get isRunning() {
      return isRunning;
    },
    pid: child.pid,
    async invoke(event) {
      await loaded.promise;
      const invocation: Invocation = {
        id: ++invocations,
        event,
        endsAt: Date.now() + timeoutSeconds * 1000,
      };
      const outcome = Promise.withResolvers<unknown>();
      waiting.set(invocation.id, outcome);
      const timeout = setTimeout(
        () => end(new Error(`Task timed out after ${timeoutSeconds} seconds`)),
        timeoutSeconds * 1000,
      );
      child.send(invocation);
      try {
        return await outcome.promise;
      } finally {
        clearTimeout(timeout);
      }
    },
    stop: () => end(new Error(`The process of ${name} was stopped.`)),
  };
}
