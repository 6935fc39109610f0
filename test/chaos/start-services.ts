import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Services, ServicesOptions } from './messages.ts';

export const CREDENTIALS = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
};

/** Starts the process of the services. @throws Error with its last words, if it ends instead */
export async function startServices(
  options: ServicesOptions,
): Promise<{ services: Services; child: ChildProcess }> {
  const child = fork(join(import.meta.dirname, 'services.ts'), [JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
    env: {
      PATH: process.env['PATH'],
      DYNAMODB_ENDPOINT: process.env['DYNAMODB_ENDPOINT'],
      ...CREDENTIALS,
    },
  });
  let complaint = '';
  child.stderr?.on('data', (chunk) => {
    complaint = `${complaint}${chunk}`.slice(-2_000);
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`The services do not start: ${complaint}`);
  });
  const [services] = (await Promise.race([once(child, 'message'), ended])) as [Services];
  ended.catch(() => undefined);
  return { services, child };
}
