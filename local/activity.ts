export interface Entry {
  readonly id: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly tone: 'good' | 'neutral' | 'bad';
  readonly text: string;
}

export interface Activity {
  note(text: string, tone?: Entry['tone']): void;
  /** Newest first. */
  entries(): readonly Entry[];
}

const KEPT = 100;

/** What happened on this machine, for people to read; holds no token. */
export function activity(): Activity {
  let entries: Entry[] = [];
  let id = 0;
  return {
    note(text, tone = 'neutral') {
      entries = [{ id: ++id, at: Date.now(), tone, text }, ...entries].slice(0, KEPT);
    },
    entries: () => entries,
  };
}
