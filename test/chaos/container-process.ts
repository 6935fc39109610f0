import { flushCompileCache } from 'node:module';
import { SQSClient } from '@aws-sdk/client-sqs';
import { lambdaContext } from '../../local/functions.ts';
import { handlerOf } from './designs.ts';
import { type ClockSettings, fastClock } from './fast-clock.ts';
import type { ContainerOptions, FromContainer, ToContainer } from './messages.ts';
import { watchRedemptions } from './redemptions.ts';

/* A Lambda container: one function, loaded at the start, then one invocation at a time. */

const options = JSON.parse(process.env['CHAOS_CONTAINER'] ?? '') as ContainerOptions;
const { name, functionName, design } = options;
const tell = (message: FromContainer) => process.send?.(message);
const watch = watchRedemptions(name, tell);
scaleDelays();
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

/** The queue delays messages by seconds of this machine's clock, so it is told how many of these there are. */
function scaleDelays(): void {
  const { real } = fastClock(JSON.parse(process.env['CHAOS_CLOCK'] ?? '') as ClockSettings);
  const { send } = SQSClient.prototype;
  SQSClient.prototype.send = function (this: SQSClient, ...args: unknown[]) {
    const [{ input }] = args as [{ input: { Entries?: { DelaySeconds?: number }[] } }];
    for (const entry of input.Entries ?? []) {
      if (entry.DelaySeconds) entry.DelaySeconds = Math.ceil(real(entry.DelaySeconds));
    }
    return send.apply(this, args as never);
  } as never;
}

// A killed process keeps nothing for the one that replaces it.
flushCompileCache();
tell({ kind: 'ready' });
