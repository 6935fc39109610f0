import { flushCompileCache } from 'node:module';
import { lambdaContext } from '../../local/functions.ts';
import { handlerOf } from './designs.ts';
import type { ContainerOptions, FromContainer, ToContainer } from './messages.ts';
import { watchRedemptions } from './redemptions.ts';

/* A Lambda container: one function, loaded at the start, then one invocation at a time. */

const options = JSON.parse(process.env['CHAOS_CONTAINER'] ?? '') as ContainerOptions;
const { name, functionName, design } = options;
const tell = (message: FromContainer) => process.send?.(message);
const watch = watchRedemptions(name, tell);
const handle = await handlerOf(design, functionName);

process.on('message', async (message: ToContainer) => {
  if (message.kind !== 'invoke') return;
  const { event, endsAt } = message;
  const invocation = () => handle(event as never, lambdaContext(functionName, endsAt));
  try {
    tell({ kind: 'returned', result: await watch.during(invocation) });
  } catch (error) {
    tell({ kind: 'thrown', message: (error as Error).message });
  }
});

// A killed process keeps nothing for the one that replaces it.
flushCompileCache();
tell({ kind: 'ready' });
