import { LEASE } from '../../shared/tokens/budgets.ts';
import { ACCOUNT } from './account.ts';
import type { Request } from './process.ts';
import type { Actor, Choice, Outcome, State, Wait } from './state.ts';

/** How many steps may end otherwise than well, and how often all stall past a lease. */
export interface Limits {
  readonly faults: number;
  readonly stalls: number;
}

/*
 * Time. A request takes at most `PROMPT`, unless everybody stalls: nobody's pause ends while somebody else's request has been
 * out for longer. So 12 seconds of waiting are 12 seconds in which whoever has work gets on with it.
 */
const PROMPT = 4_000;
/** The escrow queue's visibility and this fit the time for which a takeover waits. */
const PROMPT_DELIVERY = 1_000;
const LONGEST_PAUSE = 1_000;
/** As long as a request may take if everybody stalls meanwhile: the stall, and then a takeover from its beginning to its end. */
const LATE = 2 * LEASE;

const WRITE: readonly Outcome[] = ['crash', 'lost-reply', 'late', 'refused'];
const OFTEN_REFUSED: readonly Outcome[] = [...WRITE, 'outage'];
const FAULTS: Record<Request['kind'], readonly Outcome[]> = {
  begin: [],
  pause: [],
  table: WRITE,
  redeem: ['crash', 'error-after', 'error-before', 'wrong-refusal'],
  revoke: ['crash', 'error-after', 'error-before'],
  authorize: [],
  admin: [],
  escrow: ['crash', 'error-before'],
};

/** What may happen next, in a fixed order; nothing if all have ended. */
export function choicesOf(state: State, { faults, stalls }: Limits): Choice[] {
  const waits = state.actors.flatMap((actor, index) =>
    actor.isDead ? [] : actor.waits.map((wait) => ({ actor, index, wait })),
  );
  const ready = waits.filter((each) => isReady(state, waits, each));
  const idle = ready.find((each) => isIdle(state, each));
  if (idle) return stepsOf(state, idle, false);
  const choices = ready.flatMap((each) => stepsOf(state, each, faults > 0));
  state.late.forEach(({ request }, index) => {
    choices.push({ kind: 'land', index, label: request.label });
  });
  if (choices.length === 0 && waits.length > 0) choices.push(onlyTimePasses(waits));
  // A stall before anybody has begun is a later beginning.
  const hasBegun = waits.length > 0 && state.actors.some(({ node }) => node.before !== undefined);
  if (stalls > 0 && hasBegun) choices.push({ kind: 'stall' });
  return choices;
}

type Waiting = { readonly actor: Actor; readonly index: number; readonly wait: Wait };

export const requestOf = (actor: Actor, wait: Wait): Request => {
  const request = actor.node.requests.get(wait.number);
  if (!request) throw new Error(`${actor.name} asks for nothing.`);
  return request;
};

/** When a pause ends, or an answer arrives that is on its way. */
export function dueAt(actor: Actor, wait: Wait): number | undefined {
  if (wait.answer) return wait.answer.at;
  const request = requestOf(actor, wait);
  return request.kind === 'pause' ? wait.since + request.ms : undefined;
}

function isReady(state: State, waits: readonly Waiting[], waiting: Waiting): boolean {
  const { actor, wait } = waiting;
  const at = dueAt(actor, wait);
  if (at === undefined) return true;
  if (isIdleFollower(state, wait)) return false;
  if (at <= state.now) return true;
  return waits.every((other) => other.wait === wait || !isOverdue(state, other, at));
}

/** Whether somebody would have stood still for too long by then. */
function isOverdue(state: State, { actor, wait }: Waiting, at: number): boolean {
  const patience = patienceOf(actor, wait);
  if (patience === Infinity || isIdleFollower(state, wait)) return false;
  return at > (dueAt(actor, wait) ?? wait.since) + patience;
}

/** For how long this may wait while others wait for time to pass. */
export function patienceOf(actor: Actor, wait: Wait): number {
  const isDelivery = actor.role === 'delivery';
  if (requestOf(actor, wait).kind === 'begin' && (!isDelivery || wait.isLate)) return Infinity;
  if (wait.isLate) return LATE;
  return isDelivery ? PROMPT_DELIVERY : PROMPT;
}

/** A process that follows another's refresh learns nothing from looking again before something has changed. */
function isIdleFollower({ items, now }: State, { saw }: Wait): boolean {
  const item = items[ACCOUNT];
  if (saw === undefined || saw.unrenewedId !== item?.unrenewedId) return false;
  const { leaseExpiresAt = 0 } = (item.attributes ?? {}) as { leaseExpiresAt?: number };
  return leaseExpiresAt >= now;
}

/** Between two reads, it is one of a process that follows another's refresh. */
export const isShortPause = (request: Request): boolean =>
  request.kind === 'pause' && request.ms <= LONGEST_PAUSE;

/**
 * An attempt that is refused as the one before it, or the pause before the next: nobody can tell when it happens, so it
 * happens at once. See docs/rotation.md.
 */
function isIdle(state: State, { actor, wait }: Waiting): boolean {
  const request = requestOf(actor, wait);
  if (request.kind === 'pause') return actor.retries > 0;
  return request.kind === 'table' && isRefused(state, actor, request.label);
}

const isRefused = (state: State, actor: Actor, label: string): boolean =>
  state.now < state.outageUntil || actor.refused === label;

function stepsOf(state: State, { actor, index, wait }: Waiting, withFaults: boolean): Choice[] {
  const request = requestOf(actor, wait);
  const label = request.kind === 'table' ? request.label : request.kind;
  const step = { kind: 'step', actor: index, number: wait.number, label } as const;
  if (request.kind === 'table' && isRefused(state, actor, label)) {
    return [{ ...step, outcome: 'error-before', isForced: true }];
  }
  const faults = withFaults ? faultsOf(state, actor, wait, request) : [];
  return ['ok' as const, ...faults].map((outcome) => ({ ...step, outcome }));
}

function onlyTimePasses(waits: readonly Waiting[]): Choice {
  const timed = waits.map((each) => ({ ...each, at: dueAt(each.actor, each.wait) ?? 0 }));
  const first = timed.reduce((a, b) => (b.at < a.at ? b : a));
  const { index, wait, actor } = first;
  const label = requestOf(actor, wait).kind;
  return { kind: 'step', actor: index, number: wait.number, label, outcome: 'ok' };
}

function faultsOf(state: State, actor: Actor, wait: Wait, request: Request): readonly Outcome[] {
  if (wait.answer) return request.kind === 'redeem' ? ['crash', 'error-after'] : [];
  if (actor.role === 'delivery') {
    if (request.kind === 'begin') return ['twice'];
    return request.kind === 'table' ? ['lost-reply', 'late', 'error-before'] : [];
  }
  if (request.kind === 'redeem' && !mayRefuseWrongly(state)) {
    return FAULTS.redeem.filter((fault) => fault !== 'wrong-refusal');
  }
  if (request.kind !== 'table') return FAULTS[request.kind];
  if (request.label.endsWith('get')) return ['error-before'];
  if (request.label === 'renew') return ['crash', 'late', 'refused'];
  if (request.label.startsWith('breaker')) return ['crash', 'error-before'];
  return request.label === 'store' ? OFTEN_REFUSED : WRITE;
}

/** A bad minute at the server is followed by ten good ones: a verdict relies on it. */
function mayRefuseWrongly({ memory: { wronglyRefusedAt = Infinity }, now }: State): boolean {
  return now <= wronglyRefusedAt + BAD_MINUTE;
}

const BAD_MINUTE = 60_000;
export const STALL = LEASE + 1;
export const OUTAGE = LEASE + 1_000;
