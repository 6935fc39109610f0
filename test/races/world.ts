import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import type { Clock, EpochMs } from '../../shared/runtime/clock.ts';

/** What may become of a step besides being carried out. */
export type Outcome =
  | 'ok'
  /** Carried out, but the process dies before it hears of it. */
  | 'crash'
  /** Carried out, its reply lost; the SDK sends it again and hears what that says. */
  | 'lost-reply'
  /** Not carried out; the process hears of an error, and so at every further attempt. */
  | 'refused'
  /** Carried out; the process hears of an error. */
  | 'error-after'
  /** Not carried out; the process hears of an error. */
  | 'error-before';

export interface Step {
  readonly actor: Actor;
  readonly label: string;
  /** Carries the step out: what the process hears. */
  readonly perform: () => unknown;
  /** What the process hears when there is no reply; throws where that is an error. */
  readonly silence: () => unknown;
  readonly faults: readonly Outcome[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** For a pause: when it ends. */
  readonly wakeAt?: EpochMs | undefined;
  /** For a pause: how long it is. */
  readonly ms?: number | undefined;
}

export interface Actor {
  readonly name: string;
  /** Everything this process has heard, so that its state is a function of it. */
  history: string;
  random: number;
  state: 'running' | 'done' | 'crashed';
  result: unknown;
  /** All of its further writes of this kind are refused. */
  refusedLabel: string | undefined;
  lastLabel: string;
  /** The version of the table when it last heard of it. */
  sawVersion: number;
}

const current = new AsyncLocalStorage<Actor>();
const START = Date.UTC(2026, 0, 15, 9, 0, 0) as EpochMs;

/** Actors whose every call is a step that somebody else orders, and one clock for all. */
export class World {
  now = START;
  /** Counts the writes to the table. */
  version = 0;
  readonly actors: Actor[] = [];
  readonly pending: Step[] = [];

  readonly clock: Clock = {
    now: () => this.now,
    sleep: (ms) => this.step('pause', () => undefined, { ms }) as Promise<void>,
    // No RENEW: as if each of them failed. A holder keeps its lease for as long as it claimed it, and others find out more.
    every: () => () => undefined,
  };

  /** Starts a process; it runs as far as its first step. */
  start(name: string, run: () => Promise<unknown>): Actor {
    const actor: Actor = {
      name,
      history: '',
      random: 0,
      state: 'running',
      result: undefined,
      refusedLabel: undefined,
      lastLabel: '',
      sawVersion: 0,
    };
    this.actors.push(actor);
    const end = (result: unknown) => {
      actor.state = 'done';
      actor.result = result;
    };
    void current.run(actor, () => run().then(end, end));
    return actor;
  }

  /** The process that is running. */
  current(): Actor {
    const actor = current.getStore();
    if (!actor) throw new Error('Only processes take steps.');
    return actor;
  }

  step(
    label: string,
    perform: () => unknown,
    options: { faults?: readonly Outcome[]; silence?: () => unknown; ms?: number } = {},
  ): Promise<unknown> {
    const actor = this.current();
    const { faults = [], silence = timeout, ms } = options;
    const wakeAt = ms === undefined ? undefined : ((this.now + ms) as EpochMs);
    return new Promise((resolve, reject) => {
      this.pending.push({ actor, label, perform, silence, faults, resolve, reject, wakeAt, ms });
    });
  }

  /** Carries something out within the step that its process is taking: it adds no interleavings. */
  async atOnce(label: string, perform: () => unknown): Promise<unknown> {
    const actor = this.current();
    const heard = hear(perform);
    actor.history = digest(`${actor.history}|${label}|${this.now}|${describe(heard)}`);
    if ('error' in heard) throw heard.error;
    return heard.value;
  }

  /** Carries out one step with this outcome, and lets its process run on. */
  async take(step: Step, outcome: Outcome): Promise<void> {
    const { actor } = step;
    this.pending.splice(this.pending.indexOf(step), 1);
    if (step.wakeAt !== undefined) this.now = Math.max(this.now, step.wakeAt) as EpochMs;
    if (outcome === 'refused') actor.refusedLabel = step.label;
    const isRefused = outcome === 'refused' || outcome === 'error-before';
    let heard: { value: unknown } | { error: unknown } = isRefused
      ? hear(step.silence)
      : hear(step.perform);
    if (outcome === 'lost-reply') heard = hear(step.perform);
    if (outcome === 'error-after') heard = hear(step.silence);
    if (outcome === 'crash') {
      actor.state = 'crashed';
      return;
    }
    actor.lastLabel = step.label;
    actor.sawVersion = this.version;
    actor.history = digest(`${actor.history}|${step.label}|${this.now}|${describe(heard)}`);
    if ('error' in heard) step.reject(heard.error);
    else step.resolve(heard.value);
    await this.settle();
  }

  /** Until every process waits for a step, has ended, or is dead. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Time passes for everybody: whoever holds a lease has stalled past it. */
  pass(ms: number): void {
    this.now = (this.now + ms) as EpochMs;
  }
}

/** Random bytes that depend on the asking process and its count alone, so that equal histories are equal. */
export function repeatableBytes(size: number): Buffer {
  const actor = current.getStore();
  const seed = actor ? `${actor.name} ${actor.random++}` : 'outside';
  return createHash('sha512').update(seed).digest().subarray(0, size);
}

export const digest = (text: string): string => createHash('md5').update(text).digest('base64');

const timeout = () => {
  throw Object.assign(new Error('The request timed out.'), { name: 'TimeoutError' });
};

function hear(call: () => unknown): { value: unknown } | { error: unknown } {
  try {
    return { value: call() };
  } catch (error) {
    return { error };
  }
}

const describe = (heard: { value: unknown } | { error: unknown }) =>
  'error' in heard
    ? `! ${(heard.error as Error).name} ${JSON.stringify(heard.error, bytesAsText)}`
    : JSON.stringify(heard.value, bytesAsText);

/** A replacer that keeps JSON small where it meets bytes. */
export function bytesAsText(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  const buffer = value as { type?: string; data?: number[] } | null;
  return buffer?.type === 'Buffer' ? Buffer.from(buffer.data ?? []).toString('base64') : value;
}
