import { RETENTION } from './settings.ts';

export interface Message {
  id: number;
  /** When the next visit makes this one needless. */
  until: number;
  tries: number;
}

export type SimulatedQueue = ReturnType<typeof simulatedQueue>;

/**
 * SQS: messages in the order in which they become visible, and those that are delayed, by second. All are kept in lists
 * within a few typed arrays.
 */
export function simulatedQueue(capacity: number, seconds: number) {
  const id = new Int32Array(capacity);
  const until = new Int32Array(capacity);
  const sentAt = new Int32Array(capacity);
  const visibleAt = new Int32Array(capacity);
  const tries = new Uint8Array(capacity);
  const next = new Int32Array(capacity);
  const delayed = new Int32Array(seconds + 1_000).fill(-1);
  let free = -1;
  let used = 0;
  let head = -1;
  let tail = -1;
  const counts = { visible: 0, delayed: 0, expired: 0 };
  const taken: Message = { id: 0, until: 0, tries: 0 };

  function append(entry: number): void {
    next[entry] = -1;
    if (tail < 0) head = entry;
    else next[tail] = entry;
    tail = entry;
    counts.visible++;
  }

  return {
    counts,

    send(message: Message, now: number, delay = 0): void {
      const entry = free >= 0 ? free : used++;
      if (entry >= capacity) throw new Error('More messages than the simulation has room for.');
      if (entry === free) free = next[entry] as number;
      id[entry] = message.id;
      until[entry] = message.until;
      tries[entry] = message.tries;
      sentAt[entry] = now;
      visibleAt[entry] = now + delay;
      if (delay === 0) {
        append(entry);
        return;
      }
      next[entry] = delayed[now + delay] as number;
      delayed[now + delay] = entry;
      counts.delayed++;
    },

    /** Those whose delay ends now become visible. */
    release(now: number): void {
      let entry = delayed[now] as number;
      while (entry >= 0) {
        const after = next[entry] as number;
        append(entry);
        counts.delayed--;
        entry = after;
      }
    },

    /** The oldest visible message, until the next call. */
    take(now: number): Message | undefined {
      while (head >= 0) {
        const entry = head;
        head = next[entry] as number;
        if (head < 0) tail = -1;
        counts.visible--;
        next[entry] = free;
        free = entry;
        if (now - (sentAt[entry] as number) > RETENTION) {
          counts.expired++;
          continue;
        }
        taken.id = id[entry] as number;
        taken.until = until[entry] as number;
        taken.tries = tries[entry] as number;
        return taken;
      }
      return undefined;
    },

    /** For how long the oldest visible message has waited. */
    age: (now: number): number => (head < 0 ? 0 : now - (visibleAt[head] as number)),
  };
}
