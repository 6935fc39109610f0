import { createRequire } from 'node:module';
import type { FunctionName } from '../functions/manifest.ts';
import type { Invocation, Outcome, Ready } from './container.ts';
import { type Handler, lambdaContext } from './functions.ts';

/* One function, in a process that has nothing else: what a Lambda container is. */

const [name = '', file = '', exported = ''] = process.argv.slice(2);

process.once('disconnect', () => process.exit());
process.on('message', async ({ id, event, endsAt }: Invocation) => {
  process.send?.(await outcome(id, event, endsAt));
});

// At the start, as on Lambda. A failure is told to whoever invokes.
const handler = load();
handler.catch(() => undefined).then(() => process.send?.({ ready: true } satisfies Ready));

async function load(): Promise<Handler> {
  const found: unknown = createRequire(import.meta.url)(file)[exported];
  if (typeof found !== 'function') throw new Error(`${file} exports no function ${exported}.`);
  return found as Handler;
}

async function outcome(id: number, event: unknown, endsAt: number): Promise<Outcome> {
  try {
    const handle = await handler;
    return {
      id,
      result: await handle(event as never, lambdaContext(name as FunctionName, endsAt)),
    };
  } catch (error) {
    const { name: type, message } = error as Error;
    return { id, error: { name: type, message } };
  }
}
