import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type ClockSettings, fastClock } from './fast-clock.ts';
import type { ToContainer } from './messages.ts';

/*
 * Loaded before a container's own code (--import): its clock runs `speed` times as fast, and so does all that
 * waits, without a change to the product. Scaled are Date.now, setTimeout, setInterval, the setTimeout of
 * node:timers/promises and AbortSignal.timeout; by them the leases, the budgets, the pauses, the caches and
 * the AWS SDK's time-outs. Not scaled: `new Date()` (log lines, signatures), and undici's own timers, behind
 * the much shorter AbortSignal.timeout.
 */
const clock = fastClock(JSON.parse(process.env['CHAOS_CLOCK'] ?? '') as ClockSettings);
Date.now = clock.now;
process.on('message', (message: ToContainer) => {
  if (message.kind === 'advance') clock.advance(message.ms);
});
// No container outlives the harness.
process.on('disconnect', () => process.exit());

type Timer = (callback: () => void, ms?: number, ...rest: unknown[]) => NodeJS.Timeout;

const scaled = (timer: Timer): Timer =>
  Object.assign(
    (callback: () => void, ms = 0, ...rest: unknown[]) => timer(callback, clock.real(ms), ...rest),
    { [promisify.custom]: scaledSleep },
  );

const require = createRequire(import.meta.url);
const promises = require('node:timers/promises') as { setTimeout: typeof sleep };
const { setTimeout: machineSleep } = promises;
function scaledSleep<T>(ms = 0, value?: T, options?: object): Promise<T> {
  return machineSleep(clock.real(ms), value as T, options);
}

const timers = {
  setTimeout: scaled(setTimeout as unknown as Timer),
  setInterval: scaled(setInterval as unknown as Timer),
};
Object.assign(globalThis, timers);
Object.assign(require('node:timers'), timers);
Object.assign(promises, { setTimeout: scaledSleep });
syncBuiltinESMExports();

const machineTimeout = AbortSignal.timeout.bind(AbortSignal);
AbortSignal.timeout = (ms) => machineTimeout(Math.ceil(clock.real(ms)));
