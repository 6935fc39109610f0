import type { EpochMs } from '../../shared/runtime/clock.ts';
import type { Server } from './authorization-server.ts';
import type { Node } from './automaton.ts';
import type { Memory } from './memory.ts';
import type { Heard, Request } from './process.ts';
import type { StoredItem } from './stored-items.ts';

/** What may become of a request besides being carried out. */
export type Outcome =
  | 'ok'
  /** Carried out, but the process dies before it hears of it. */
  | 'crash'
  /** Carried out, its reply lost; the SDK sends it again, and the process hears what that says. */
  | 'lost-reply'
  /** The process hears of an error, now and at every further attempt with the same function of the table. */
  | 'refused'
  /** As `refused`, and so does everybody who asks the table, for longer than a lease. */
  | 'outage'
  /** The process gives up and hears of an error; it is carried out later, or now. */
  | 'late'
  /** Carried out; the process hears of an error. */
  | 'error-after'
  /** Not carried out; the process hears of an error. */
  | 'error-before'
  /** The server refuses a token that is live. */
  | 'wrong-refusal'
  /** The queue delivers the message twice. */
  | 'twice';

/** A request on its way. */
export interface Wait {
  readonly number: number;
  readonly since: number;
  /** Everybody stood still since: it may take much longer than others. */
  readonly isLate: boolean;
  /** Carried out; the process hears of it at `at`. */
  readonly answer?: { readonly heard: Heard; readonly at: number };
  /** A pause of a process that follows another's refresh: the connection as it saw it before. */
  readonly saw?: StoredItem;
}

export interface Actor {
  readonly name: string;
  readonly role: string;
  readonly node: Node;
  readonly waits: readonly Wait[];
  readonly isDead: boolean;
  /** All of its further calls of this function of the table are refused. */
  readonly refused?: string;
  /** How often in a row it was refused for that reason, after the first time. */
  readonly retries: number;
}

/** A write that its process gave up, and that is still on its way. */
export interface LateWrite {
  readonly actor: number;
  readonly request: Extract<Request, { kind: 'table' }>;
}

/** Everything there is at one moment, as a value. */
export interface State {
  readonly now: EpochMs;
  /** By their key. */
  readonly items: Readonly<Record<string, StoredItem>>;
  readonly server: Server;
  readonly actors: readonly Actor[];
  readonly late: readonly LateWrite[];
  /** Until when the table takes nothing. */
  readonly outageUntil: number;
  readonly memory: Memory;
}

/** What happens next. */
export type Choice =
  | {
      readonly kind: 'step';
      readonly actor: number;
      readonly number: number;
      readonly label: string;
      readonly outcome: Outcome;
      /** Follows from an earlier fault, and is none of its own. */
      readonly isForced?: boolean;
    }
  | { readonly kind: 'land'; readonly index: number; readonly label: string }
  /** All stand still for longer than a lease. */
  | { readonly kind: 'stall' };

export const isFault = (choice: Choice): boolean =>
  choice.kind === 'step' && choice.outcome !== 'ok' && !choice.isForced;

/** As a person reads it. */
export function describeChoice({ actors }: State, choice: Choice): string {
  if (choice.kind === 'stall') return 'all:stall';
  if (choice.kind === 'land') return `late:${choice.label}`;
  const { outcome, label } = choice;
  return `${actors[choice.actor]?.name}:${label}${outcome === 'ok' ? '' : `!${outcome}`}`;
}
