import type { FunctionName } from '../../functions/manifest.ts';
import { type Container, type Image, startContainer } from '../../local/container.ts';
import type { Invoke } from '../../local/functions.ts';

export interface FrozenLambda {
  readonly invoke: Invoke;
  /** In a container that is started for it, with nothing in its memory. */
  invokeCold(name: FunctionName, event: unknown): Promise<unknown>;
  /** How often a function was invoked. */
  readonly invocations: Partial<Record<FunctionName, number>>;
  /** The processes that ended by themselves, and why. */
  readonly deaths: string[];
  /** Starts containers, so that their cold starts do not count later. The event must do no harm. */
  warm(name: FunctionName, containers: number, event: unknown): Promise<void>;
  close(): void;
}

/**
 * Containers as Lambda runs them: one invocation at a time in each, and frozen in between, with whatever timers and
 * sockets are pending.
 */
export function frozenLambda(
  images: Readonly<Record<FunctionName, Image>>,
  surroundings: Readonly<Record<string, string>>,
): FrozenLambda {
  const all: Container[] = [];
  const idle = new Map<FunctionName, Container[]>();
  const invocations: Partial<Record<FunctionName, number>> = {};
  const deaths: string[] = [];
  let isClosed = false;

  function start(name: FunctionName): Container {
    const image = images[name];
    const container = startContainer({
      ...image,
      environment: { ...image.environment, ...surroundings },
    });
    all.push(container);
    return container;
  }

  async function invoke(name: FunctionName, event: unknown): Promise<unknown> {
    if (isClosed) throw new Error('Lambda is closed.');
    invocations[name] = (invocations[name] ?? 0) + 1;
    const waiting = idle.get(name) ?? [];
    idle.set(name, waiting);
    const container = waiting.pop() ?? start(name);
    signal(container, 'SIGCONT');
    try {
      return await container.invoke(event);
    } catch (error) {
      if (!container.isRunning && !isClosed) deaths.push(`${name}: ${(error as Error).message}`);
      throw error;
    } finally {
      if (container.isRunning) {
        signal(container, 'SIGSTOP');
        waiting.push(container);
      }
    }
  }

  return {
    invoke: (name, event) => invoke(name as FunctionName, event),
    async invokeCold(name, event) {
      const container = start(name);
      return container.invoke(event).finally(() => container.stop());
    },
    invocations,
    deaths,
    async warm(name, containers, event) {
      await Promise.all(Array.from({ length: containers }, () => invoke(name, event)));
    },
    close() {
      isClosed = true;
      for (const container of all) container.stop();
    },
  };
}

const signal = ({ pid }: Container, name: NodeJS.Signals) => pid && process.kill(pid, name);
