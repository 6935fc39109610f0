import { type EpochMs, plus } from '../../shared/runtime/clock.ts';
import type { TokenPair } from '../../shared/tokens/token-endpoint.ts';
import { ANSWER_AFTER, authorize, endAll, redeem, revoke } from './authorization-server.ts';
import { dueAt, OUTAGE, requestOf } from './choices.ts';
import { died, fateOf, rotated, troubled, unanswered } from './memory.ts';
import type { Heard, Request } from './process.ts';
import type { Actor, Choice, State, Wait } from './state.ts';
import type { StoredItems } from './stored-items.ts';

type Step = Extract<Choice, { kind: 'step' }>;

/** What becomes of a request, before the process goes on. */
export interface Carried {
  readonly state: State;
  /** What the process hears; nothing yet if it is dead or the answer is on its way. */
  readonly heard?: Heard;
  /** A rotation that the escrow queue took. */
  readonly escrowed?: string;
}

const NOTHING: Heard = { key: '', value: undefined };
const TIMED_OUT: Heard = {
  key: 'timeout',
  error: Object.assign(new Error('The request timed out.'), { name: 'TimeoutError' }),
};
const NO_ANSWER = { outcome: 'unknown', maybeRedeemed: true, cause: 'no answer' } as const;
const REFUSED: Heard = { key: 'refused', value: { outcome: 'refused' } };

/** Carries out what a step asks for, as well or badly as the choice says. */
export function carryOut(state: State, step: Step, items: StoredItems): Carried {
  const actor = state.actors[step.actor] as Actor;
  const wait = actor.waits.find(({ number }) => number === step.number) as Wait;
  const request = requestOf(actor, wait);
  const from: State = step.isForced
    ? state
    : { ...state, memory: troubled(state.memory, step.outcome) };
  const at = dueAt(actor, wait);
  if (at !== undefined) {
    const later = { ...from, now: Math.max(state.now, at) as EpochMs };
    return wait.answer
      ? arrive(later, step, request, wait.answer.heard)
      : { state: later, heard: NOTHING };
  }
  switch (step.outcome) {
    case 'ok':
    case 'twice':
      return perform(from, step, request, items);
    case 'lost-reply': {
      const { state: after } = perform(from, step, request, items);
      return perform(after, step, request, items);
    }
    case 'crash':
      return { state: dead(perform(from, step, request, items).state, step.actor) };
    case 'error-after': {
      const { state: after } = perform(from, step, request, items);
      return { state: unheard(after, step, request), heard: silenceOf(request) };
    }
    case 'error-before':
      return { state: unheard(from, step, request), heard: silenceOf(request) };
    case 'late': {
      if (request.kind !== 'table') throw new Error('Only writes land late.');
      const late = [...from.late, { actor: step.actor, request }];
      return { state: { ...from, late }, heard: TIMED_OUT };
    }
    case 'refused':
      return {
        state: withActor(from, step.actor, { refused: step.label }),
        heard: silenceOf(request),
      };
    case 'outage':
      return { state: { ...from, outageUntil: state.now + OUTAGE }, heard: TIMED_OUT };
    case 'wrong-refusal': {
      if (request.kind !== 'redeem') throw new Error('Only tokens are refused.');
      const memory = unanswered(from.memory, step.actor, request.refreshToken);
      const wronglyRefusedAt = memory.wronglyRefusedAt ?? state.now;
      return { state: { ...from, memory: { ...memory, wronglyRefusedAt } }, heard: REFUSED };
    }
  }
}

/** A write that its process gave up takes effect. */
export function land(state: State, index: number, items: StoredItems): State {
  const late = state.late[index];
  if (!late) throw new Error('There is no such write.');
  const rest = { ...state, late: state.late.filter((each) => each !== late) };
  return write(rest, late.request, items).state;
}

function arrive(state: State, step: Step, request: Request, heard: Heard): Carried {
  if (step.outcome === 'crash') return { state: dead(state, step.actor) };
  if (step.outcome === 'ok') return { state, heard };
  return { state: unheard(state, step, request), heard: silenceOf(request) };
}

function perform(state: State, step: Step, request: Request, items: StoredItems): Carried {
  switch (request.kind) {
    case 'begin':
    case 'pause':
      return { state, heard: NOTHING };
    case 'table': {
      const { state: after, heard } = write(state, request, items);
      const hasClaimed = after !== state && request.label.startsWith('claim');
      const { [step.actor]: _, ...leases } = after.memory.leases;
      return {
        state: hasClaimed ? { ...after, memory: { ...after.memory, leases } } : after,
        heard,
      };
    }
    case 'redeem':
      return redeemed(state, step, request);
    case 'authorize': {
      const { server, pair } = authorize(state.server, state.now);
      const heard = { key: keyOf(pair), value: pair };
      // No two grants of one second: the server's clock tells which came later.
      const after = { ...state, server, now: plus(state.now, 1_000) };
      return { state: withAnswer(after, step, heard, after.now) };
    }
    case 'admin': {
      const after = {
        ...state,
        server: endAll(state.server, 'admin'),
        now: plus(state.now, 1_000),
      };
      return { state: after, heard: { key: `at ${state.now}`, value: state.now } };
    }
    case 'revoke': {
      const { server, answer } = revoke(state.server, request.accessToken, state.now);
      return { state: { ...state, server }, heard: { key: answer.outcome, value: answer } };
    }
    case 'escrow': {
      const memory = fateOf(state.memory, step.actor, 'escrowed');
      return { state: { ...state, memory }, heard: NOTHING, escrowed: request.encoded };
    }
  }
}

function write(state: State, request: Extract<Request, { kind: 'table' }>, items: StoredItems) {
  const before = state.items[request.itemKey] ?? items.absent;
  const { item, heard } = items.perform(before, request);
  const after =
    item === before ? state : { ...state, items: { ...state.items, [request.itemKey]: item } };
  return { state: after, heard };
}

function redeemed(
  state: State,
  step: Step,
  { refreshToken, timeoutMs }: Extract<Request, { kind: 'redeem' }>,
): Carried {
  const { server, answer } = redeem(state.server, refreshToken, state.now);
  const hasEnded = (index: number) => server.grants[index]?.endedBy === 'reuse';
  const isReuse = server !== state.server && answer.outcome === 'refused';
  const victim = state.memory.rotations.find(({ token }) => token === refreshToken);
  const isExcused = isReuse && (victim?.fate === 'lost' || victim?.fate === 'logged');
  let memory = rotated(state.memory, step.actor, refreshToken, answer);
  if (isExcused && hasEnded(server.grants.length - 1)) memory = { ...memory, isReuseExcused: true };
  const after = { ...state, server, memory };
  const heard = {
    key: answer.outcome === 'rotated' ? keyOf(answer) : 'refused',
    value: answer,
  };
  if (server.model !== 'slow' || answer.outcome === 'refused') return { state: after, heard };
  const isInTime = ANSWER_AFTER <= timeoutMs;
  const late = isInTime ? heard : silenceOf({ kind: 'redeem', refreshToken, timeoutMs });
  const known = isInTime
    ? after
    : unheard(after, step, { kind: 'redeem', refreshToken, timeoutMs });
  return { state: withAnswer(known, step, late, state.now + Math.min(ANSWER_AFTER, timeoutMs)) };
}

/** A token's name does not tell when it was issued. */
const keyOf = ({ accessToken, refreshToken, expiresAt }: TokenPair): string =>
  `${accessToken} ${refreshToken} ${expiresAt}`;

/** The process never hears of the answer. */
function unheard(state: State, { actor }: Step, request: Request): State {
  if (request.kind !== 'redeem') return state;
  const { refreshToken } = request;
  const memory = fateOf(unanswered(state.memory, actor, refreshToken), actor, 'lost', refreshToken);
  return { ...state, memory };
}

function silenceOf(request: Request): Heard {
  if (request.kind === 'redeem') return { key: 'no answer', value: NO_ANSWER };
  if (request.kind === 'revoke') {
    return { key: 'no answer', value: { outcome: 'unknown', cause: 'no answer' } };
  }
  return TIMED_OUT;
}

function dead(state: State, index: number): State {
  const after = withActor(state, index, { isDead: true, waits: [] });
  return { ...after, memory: died(after.memory, index) };
}

function withAnswer(state: State, { actor, number }: Step, heard: Heard, at: number): State {
  const waits = (state.actors[actor] as Actor).waits.map((wait) =>
    wait.number === number ? { ...wait, answer: { heard, at } } : wait,
  );
  return withActor(state, actor, { waits });
}

export const withActor = (state: State, index: number, change: Partial<Actor>): State => ({
  ...state,
  actors: state.actors.map((actor, each) => (each === index ? { ...actor, ...change } : actor)),
});
