import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import type { Clock, EpochMs } from '../../shared/runtime/clock.ts';

/** What a process asks of the world, and then waits for. Plain values: the explorer carries them out. */
export type Request =
  /** Its turn comes: a message or a request arrives. */
  | { readonly kind: 'begin' }
  | { readonly kind: 'pause'; readonly ms: number }
  | {
      readonly kind: 'table';
      readonly label: string;
      readonly command: { input: unknown };
      /** The key of the item that it is about. */
      readonly itemKey: string;
      /** Equal commands have equal keys. */
      readonly key: string;
    }
  | { readonly kind: 'redeem'; readonly refreshToken: string; readonly timeoutMs: number }
  | { readonly kind: 'revoke'; readonly accessToken: string }
  | { readonly kind: 'authorize' }
  /** The account's admin disconnects the app in Jobber. */
  | { readonly kind: 'admin' }
  | { readonly kind: 'escrow'; readonly encoded: string };

/** What a process hears of a request; equal `key`s mean equal contents. */
export type Heard = { readonly key: string } & (
  | { readonly value: unknown }
  | { readonly error: Error }
);

interface Open {
  readonly request: Request;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The process whose code runs at this moment: one at a time. */
let running: LiveProcess | undefined;

/**
 * Real code that runs until all it can do is wait. What it does is decided by what it hears and by the times at which
 * it reads the clock, so running it again with the same gives the same.
 */
export class LiveProcess {
  readonly name: string;
  /** By the number of the request. */
  readonly open = new Map<number, Open>();
  /** Rotations that it wrote to the log. */
  readonly logged: string[] = [];
  readonly clock: Clock;
  result: { readonly value: unknown } | undefined;
  readsClock = false;
  now = 0;
  #asked = 0;
  #random = 0;

  constructor(name: string, skew: number) {
    this.name = name;
    this.clock = {
      now: () => {
        this.readsClock = true;
        return (this.now + skew) as EpochMs;
      },
      sleep: (ms) => this.ask({ kind: 'pause', ms }) as Promise<void>,
      every: (ms, tick) => this.#every(ms, tick),
    };
  }

  /** A timer of the process: one pause after the other, until it is cleared. */
  #every(ms: number, tick: () => void): () => void {
    let number: number | undefined;
    const wait = () => {
      number = this.#asked;
      void this.ask({ kind: 'pause', ms }).then(() => {
        if (number === undefined) return;
        wait();
        tick();
      });
    };
    wait();
    return () => {
      if (number !== undefined) this.open.delete(number);
      number = undefined;
    };
  }

  ask(request: Request): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.open.set(this.#asked++, { request, resolve, reject });
    });
  }

  /** Starts it; it runs as far as its first request. */
  async start(run: (process: LiveProcess) => Promise<unknown>, now: number): Promise<void> {
    const end = (value: unknown) => {
      this.result = { value };
    };
    await this.#runOn(now, () => void run(this).then(end, end));
  }

  /** Answers a request; it runs on as far as it can. */
  async hear(number: number, heard: Heard, now: number): Promise<void> {
    const open = this.open.get(number);
    if (!open) throw new Error(`${this.name} does not wait for ${number}.`);
    this.open.delete(number);
    await this.#runOn(now, () =>
      'error' in heard ? open.reject(heard.error) : open.resolve(heard.value),
    );
  }

  async #runOn(now: number, go: () => void): Promise<void> {
    this.now = now;
    this.readsClock = false;
    running = this;
    go();
    await new Promise((resolve) => setImmediate(resolve));
    running = undefined;
  }

  /** Random bytes that depend on this process and how many it asked for before. */
  randomBytes(size: number): Buffer {
    const seed = `${this.name} ${this.#random++}`;
    return crypto.createHash('sha512').update(seed).digest().subarray(0, size);
  }
}

/* From here on, nothing in this Node process is random, and no real timer ends a request of a simulated one. */
const reallyRandom = crypto.randomBytes;
crypto.randomBytes = ((size: number) =>
  running ? running.randomBytes(size) : reallyRandom(size)) as typeof crypto.randomBytes;
syncBuiltinESMExports();
Math.random = () => 0.5;
const reallyTimeout = AbortSignal.timeout;
const never = { aborted: false, addEventListener: () => undefined } as unknown as AbortSignal;
AbortSignal.timeout = (ms) => (running ? never : reallyTimeout.call(AbortSignal, ms));
