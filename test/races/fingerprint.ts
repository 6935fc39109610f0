import type { Server } from './authorization-server.ts';
import { dueAt, patienceOf } from './choices.ts';
import type { Memory } from './memory.ts';
import type { Actor, State, Wait } from './state.ts';

/* Everything that decides what can still happen, and nothing else, in a short text. */

const ids = new Map<string, number>();
const known = new WeakMap<object, number>();

/** A short name for a value that is never changed. */
function idOf(value: Memory | Server): number {
  const id = known.get(value);
  if (id !== undefined) return id;
  const text = JSON.stringify(value);
  const found = ids.get(text) ?? ids.size;
  ids.set(text, found);
  known.set(value, found);
  return found;
}

export function fingerprint(state: State): string {
  const { now, items, server, actors, late, outageUntil, memory } = state;
  const parts = [
    now,
    ...Object.values(items).map(({ id }) => id),
    idOf(server),
    idOf(memory),
    outageUntil > now ? outageUntil : '',
    actors.map((actor) => ofActor(actor, now)).join('|'),
    late
      .map(({ request }) => request.key)
      .sort()
      .join('|'),
  ];
  return parts.join(' ');
}

function ofActor(actor: Actor, now: number): string {
  const { node, isDead, waits, refused, retries } = actor;
  if (isDead) return 'dead';
  if (node.result && waits.length === 0) return ended(node.result.value);
  const waiting = waits.map((wait) => ofWait(actor, wait, now)).join();
  return `${node.id}:${waiting}:${refused ?? ''}${retries > 0 ? '+' : ''}`;
}

function ofWait(actor: Actor, wait: Wait, now: number): string {
  const { number, since, answer, isLate, saw } = wait;
  const patience = patienceOf(actor, wait);
  const from = dueAt(actor, wait) ?? since;
  // Where the patience is at its end, it does not matter since when; where there is no end to it, neither.
  const when = patience === Infinity ? '' : Math.max(from, now - patience - 1);
  return `${number}@${when}${answer?.heard.key ?? ''}${isLate ? 'l' : ''}${saw ? `s${saw.unrenewedId}` : ''}`;
}

/** Of a process that has ended nothing matters but whether its caller was served. */
function ended(value: unknown): string {
  const all = Array.isArray(value) ? value.map((each) => each.reason) : [value];
  return all
    .map((each) => (each instanceof Error ? (each as { code?: string }).code : 'served'))
    .join();
}
