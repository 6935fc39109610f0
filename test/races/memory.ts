import type { Redemption } from '../../shared/tokens/token-endpoint.ts';
import { ACCOUNT } from './account.ts';
import { grantOf } from './authorization-server.ts';
import type { Actor, Choice, Outcome, State } from './state.ts';

/** A refresh token that was redeemed for a successor, and what has become of that. */
export interface Rotation {
  readonly token: string;
  readonly successor: string;
  /** The process that was to hear of it. */
  readonly holder: number;
  readonly fate:
    | 'in hand'
    | 'stored'
    | 'escrowed'
    /** In the log alone: a person has to bring it back. */
    | 'logged'
    /** The holder died, or the answer never reached it. */
    | 'lost'
    /** The holder has answered and did nothing with it. */
    | 'dropped';
}

/** What the oracle remembers: all of it seen from outside, at the server, the table and the wire. */
export interface Memory {
  /** Something has gone wrong, or all have stalled. */
  readonly isTroubled: boolean;
  readonly rotations: readonly Rotation[];
  /** How often each refresh token was sent, and not simply given back. */
  readonly sent: Readonly<Record<string, number>>;
  /** Since each process took its lease: redemptions, and requests without an answer. */
  readonly leases: Readonly<Record<number, { redeemed: number; unanswered: number }>>;
  /** Refresh tokens that were refused, though live, or sent without an answer. */
  readonly doubtful: readonly string[];
  /** When the server last refused a live token: bad minutes are ten minutes apart at least. */
  readonly wronglyRefusedAt?: number;
  /** The grant that a disconnect of ours is about. */
  readonly disconnecting?: number;
  /** A disconnect of ours has begun: callers may be told so. */
  readonly wasDisconnectAsked: boolean;
  /** The latest grant whose tokens were deleted. */
  readonly deleted?: number;
  /** When a use of the connection was last noted, or it last connected. */
  readonly notedAt?: number;
  /** A grant was ended by reuse after a process died with the successor, or its answer was lost. */
  readonly isReuseExcused: boolean;
}

export const NOTHING: Memory = {
  isTroubled: false,
  rotations: [],
  sent: {},
  leases: {},
  doubtful: [],
  wasDisconnectAsked: false,
  isReuseExcused: false,
};

export function rotated(memory: Memory, actor: number, token: string, answer: Redemption): Memory {
  const isGivenBack = answer.outcome === 'rotated' && answer.refreshToken === token;
  if (isGivenBack) return memory;
  const sent = { ...memory.sent, [token]: (memory.sent[token] ?? 0) + 1 };
  if (answer.outcome !== 'rotated') return { ...memory, sent };
  const lease = memory.leases[actor] ?? { redeemed: 0, unanswered: 0 };
  const rotation: Rotation = {
    token,
    successor: answer.refreshToken,
    holder: actor,
    fate: 'in hand',
  };
  return {
    ...memory,
    sent,
    rotations: [...memory.rotations, rotation],
    leases: { ...memory.leases, [actor]: { ...lease, redeemed: lease.redeemed + 1 } },
  };
}

export function unanswered(memory: Memory, actor: number, token: string): Memory {
  const lease = memory.leases[actor] ?? { redeemed: 0, unanswered: 0 };
  return {
    ...memory,
    doubtful: [...new Set([...memory.doubtful, token])],
    leases: { ...memory.leases, [actor]: { ...lease, unanswered: lease.unanswered + 1 } },
  };
}

/** Whatever this process held and nobody else has, is now this. */
export function fateOf(memory: Memory, actor: number, fate: Rotation['fate'], token?: string) {
  const isAffected = (each: Rotation) =>
    each.holder === actor && each.fate === 'in hand' && (!token || each.token === token);
  if (!memory.rotations.some(isAffected)) return memory;
  const rotations = memory.rotations.map((each) => (isAffected(each) ? { ...each, fate } : each));
  return { ...memory, rotations };
}

/** After each step: what is in the table is stored, and who has answered holds nothing any more. */
export function remember(before: State, after: State, choice: Choice): Memory {
  let memory = notes(before, after, disconnects(before, after, choice));
  const stored = after.items[ACCOUNT]?.refreshToken;
  const isNew = (each: Rotation) => each.fate !== 'stored' && each.successor === stored;
  if (memory.rotations.some(isNew)) {
    const rotations = memory.rotations.map(
      (each): Rotation => (isNew(each) ? { ...each, fate: 'stored' } : each),
    );
    memory = { ...memory, rotations };
  }
  if (choice.kind !== 'step' || !hasEnded(after.actors[choice.actor] as Actor)) return memory;
  memory = fateOf(memory, choice.actor, 'dropped');
  if (!memory.leases[choice.actor]) return memory;
  const { [choice.actor]: _, ...leases } = memory.leases;
  return { ...memory, leases };
}

function disconnects(before: State, after: State, choice: Choice): Memory {
  const { memory } = after;
  const [was, is] = [before.items[ACCOUNT], after.items[ACCOUNT]];
  if (was === is) return memory;
  const isMark = choice.kind !== 'stall' && choice.label === 'markDisconnecting';
  const grant = grantOf(is?.refreshToken ?? '');
  const isDeleted = was?.refreshToken !== undefined && is?.refreshToken === undefined;
  const isReconnected = memory.disconnecting !== undefined && grant > memory.disconnecting;
  const { disconnecting: _, ...rest } = memory;
  return {
    ...(isReconnected ? rest : memory),
    ...(isMark && { disconnecting: grant, wasDisconnectAsked: true }),
    ...(isDeleted && { deleted: grantOf(was.refreshToken ?? '') }),
  };
}

function notes(before: State, { now, items }: State, memory: Memory): Memory {
  const usedAt = ({ items: all }: Pick<State, 'items'>) => all[ACCOUNT]?.attributes?.['usedAt'];
  const grant = ({ items: all }: Pick<State, 'items'>) => grantOf(all[ACCOUNT]?.refreshToken ?? '');
  const isNoted = usedAt({ items }) !== undefined && usedAt({ items }) !== usedAt(before);
  return isNoted || grant({ items }) > grant(before) ? { ...memory, notedAt: now } : memory;
}

export const hasEnded = ({ isDead, node }: Actor): boolean => isDead || node.result !== undefined;

/** A process that dies with an answer takes it along. */
export const died = (memory: Memory, actor: number): Memory => fateOf(memory, actor, 'lost');

export const troubled = (memory: Memory, outcome: Outcome): Memory =>
  outcome === 'ok' || memory.isTroubled ? memory : { ...memory, isTroubled: true, sent: {} };
