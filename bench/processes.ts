import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CREDENTIALS = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
};

export interface Process {
  readonly child: ChildProcess;
  /** Sends a message and resolves to the next one that the process sends back. */
  ask<Answer>(message: unknown): Promise<Answer>;
  stop(): Promise<void>;
}

/** Starts a file of this folder as a process; `first` is what it says once it is ready. Quiet, but for its errors. */
export async function startProcess<First>(
  file: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<Process & { first: First }> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    env: { PATH: process.env['PATH'], ...CREDENTIALS, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`The process ${file} has ended.`);
  });
  ended.catch(() => undefined);
  const next = async <T>(): Promise<T> => {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as unknown as [T];
    return message;
  };
  return {
    child,
    first: await next<First>(),
    ask<Answer>(message: unknown) {
      const answer = next<Answer>();
      child.send(message as object);
      return answer;
    },
    async stop() {
      child.kill('SIGKILL');
      await ended.catch(() => undefined);
    },
  };
}

/** In the process: answers each message with what `answer` makes of it, and tells that it is ready with `first`. */
export function serve<Message>(answer: (message: Message) => Promise<unknown>, first: unknown = {}) {
  process.once('disconnect', () => process.exit());
  process.on('message', async (message: Message) => {
    process.send?.((await answer(message)) ?? {});
  });
  process.send?.(first);
}
