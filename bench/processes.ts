import { fork } from 'node:child_process';
import { on, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Reply } from './serve.ts';

const CREDENTIALS = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
};

export interface Process<First> {
  /** What the process said once it was ready. */
  readonly first: First;
  /** Sends a message and resolves to the answer; one after the other. Rejects if the process fails or ends. */
  ask<Answer>(message: unknown): Promise<Answer>;
  stop(): Promise<void>;
}

/** Starts a file of this folder, or at a URL, as a process. Quiet, but for its errors. */
export async function startProcess<First>(
  file: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Process<First>> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    env: { PATH: process.env['PATH'], ...CREDENTIALS, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ending = new AbortController();
  const ended = once(child, 'exit').then(() => ending.abort());
  const messages = on(child, 'message', { signal: ending.signal });
  const next = async () => {
    const { value } = await messages.next();
    const { answer, error } = (value as [Reply])[0];
    if (error !== undefined) throw new Error(`${file}: ${error}`);
    return answer;
  };
  let last: Promise<unknown> = next();
  const first = (await last) as First;
  return {
    first,
    ask<Answer>(message: unknown) {
      const answer = last
        .catch(() => undefined)
        .then(() => {
          child.send(message as object);
          return next();
        });
      last = answer;
      return answer as Promise<Answer>;
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
