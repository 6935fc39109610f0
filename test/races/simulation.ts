import { createHash } from 'node:crypto';
import { type EpochMs, plus } from '../../shared/runtime/clock.ts';
import { ACCOUNT } from './account.ts';
import { type Model, newServer } from './authorization-server.ts';
import { Automaton, type Node } from './automaton.ts';
import { type Carried, carryOut, land, withActor } from './carry-out.ts';
import { choicesOf, isShortPause, STALL } from './choices.ts';
import type { Design } from './designs.ts';
import type { Invariant } from './invariants.ts';
import { fateOf, NOTHING, remember, troubled } from './memory.ts';
import { judgeStep } from './oracle.ts';
import type { Heard, Request } from './process.ts';
import { deliveryOf, processOf, type Role } from './roles.ts';
import { type Start, startingAs } from './starts.ts';
import type { Actor, Choice, State, Wait } from './state.ts';
import { StoredItems } from './stored-items.ts';

export interface Scenario {
  readonly model: Model;
  readonly start: Start;
  readonly roles: readonly Role[];
  /** By how many milliseconds the clock of each process is ahead. @default none */
  readonly skews?: readonly number[];
  /** Nobody's request comes late because all stalled: many fewer states. @default false */
  readonly isPromptAfterStall?: boolean;
  /** As AWS does, or as the embedded DynamoDB does. @default true */
  readonly returnsFailedItem?: boolean;
  /** @default 'ours' */
  readonly design?: Design;
}

export interface Next {
  readonly state: State;
  readonly broken: readonly Invariant[];
}

const START = Date.UTC(2026, 0, 15, 9, 0, 0) as EpochMs;

/** An account, its table and authorization server, and the processes of one scenario. */
export class Simulation {
  readonly scenario: Scenario;
  readonly automaton = new Automaton();
  readonly items: StoredItems;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.items = new StoredItems(scenario.returnsFailedItem ?? true);
  }

  /** The first grant is stored, and the processes wait for their turn. */
  async begin(): Promise<State> {
    const { model, start, roles, skews = [] } = this.scenario;
    let state: State = {
      now: START,
      items: {},
      server: newServer(model),
      actors: [],
      late: [],
      outageUntil: 0,
      memory: NOTHING,
    };
    state = await this.start(state, 'callback', 'first');
    state = await this.runOut(state);
    state = { ...state, actors: [], memory: NOTHING };
    state = startingAs(start, state, this.items, roles.includes('rejected'));
    for (const [index, role] of roles.entries()) {
      state = await this.start(state, role, `${role}-${index}`, skews[index]);
    }
    return state;
  }

  /** A further process, which waits for its turn. */
  async start(state: State, role: Role, name: string, skew = 0): Promise<State> {
    const run = processOf(role, this.scenario.design ?? 'ours');
    const node = await this.automaton.start(name, skew, run, state.now);
    return withStarted(state, name, role, node, false);
  }

  /** Lets everybody get on until all have ended, and nothing goes wrong. */
  async runOut(from: State, broken: Invariant[] = []): Promise<State> {
    let state = from;
    for (let steps = 0; ; steps++) {
      const [choice] = choicesOf(state, { faults: 0, stalls: 0 });
      if (!choice) return state;
      if (steps > 1_000) throw new Error('The processes come to no end.');
      const next = await this.take(state, choice);
      broken.push(...next.broken);
      state = next.state;
    }
  }

  /** What is when this has happened; a promise if real code has to run to find out. */
  take(state: State, choice: Choice): Next | Promise<Next> {
    if (choice.kind === 'stall') return this.#judged(state, this.#stalled(state), choice);
    if (choice.kind === 'land')
      return this.#judged(state, land(state, choice.index, this.items), choice);
    const carried = carryOut(state, choice, this.items);
    if (!carried.heard) return this.#judged(state, carried.state, choice);
    const { heard } = carried;
    const { node } = state.actors[choice.actor] as Actor;
    const next = this.automaton.next(node, choice.number, heard, carried.state.now);
    return next instanceof Promise
      ? next.then((learned) => this.#goOn(state, carried, choice, heard, learned))
      : this.#goOn(state, carried, choice, heard, next);
  }

  #goOn(
    before: State,
    { state, escrowed }: Carried,
    choice: Step,
    heard: Heard,
    node: Node,
  ): Next | Promise<Next> {
    const actor = state.actors[choice.actor] as Actor;
    const request = actor.node.requests.get(choice.number) as Request;
    const kept = actor.waits.filter(({ number }) => node.requests.has(number));
    const known = new Set(kept.map(({ number }) => number));
    const saw = whatItSaw(state, request, choice, heard);
    const asked = [...node.requests]
      .filter(([number]) => !known.has(number))
      .map(
        ([number, next]): Wait => ({
          number,
          since: state.now,
          isLate: false,
          ...(saw && isShortPause(next) && { saw }),
        }),
      );
    const went: Actor = {
      ...actor,
      ...(request.kind !== 'pause' && { retries: choice.isForced ? actor.retries + 1 : 0 }),
      node,
      waits: [...kept, ...asked],
    };
    let after = withActor(state, choice.actor, went);
    if (node.logged.length > 0) {
      after = { ...after, memory: fateOf(after.memory, choice.actor, 'logged') };
    }
    const messages = [
      ...(escrowed === undefined ? [] : [{ encoded: escrowed, isLate: false }]),
      ...node.logged.map((encoded) => ({ encoded, isLate: true })),
    ];
    if (messages.length === 0 && choice.outcome !== 'twice') {
      return this.#judged(before, after, choice);
    }
    return this.#deliver(after, messages, choice).then((delivered) =>
      this.#judged(before, delivered, choice),
    );
  }

  /** The queue has them, and delivers each in its turn. */
  async #deliver(
    from: State,
    messages: readonly { encoded: string; isLate: boolean }[],
    { actor, outcome }: Step,
  ): Promise<State> {
    let state = from;
    for (const { encoded, isLate } of messages) {
      const name = `delivery ${createHash('md5').update(encoded).digest('base64url')}`;
      const run = deliveryOf(encoded, this.scenario.design ?? 'ours');
      const node = await this.automaton.start(name, 0, run, state.now);
      state = withStarted(state, name, 'delivery', node, isLate);
    }
    const { name, role, node } = state.actors[actor] as Actor;
    const again = node.root.first;
    return outcome === 'twice' && again ? withStarted(state, name, role, again, true) : state;
  }

  /** Where a token that comes again ends the grant, and where each answer is late anyway, all go on soon after a stall. */
  #stalled(state: State): State {
    const { model, isPromptAfterStall = false } = this.scenario;
    return stalled(state, !isPromptAfterStall && model !== 'reuse-revokes' && model !== 'slow');
  }

  #judged(before: State, happened: State, choice: Choice): Next {
    const state = { ...happened, memory: remember(before, happened, choice) };
    return { state, broken: judgeStep(before, state, choice) };
  }
}

type Step = Extract<Choice, { kind: 'step' }>;

/** What a process that follows another's refresh has seen of the connection. */
function whatItSaw(state: State, request: Request, choice: Step, heard: Heard) {
  if (request.kind !== 'table' || request.itemKey !== ACCOUNT || choice.outcome !== 'ok')
    return undefined;
  const isRead = request.label === 'get' || (request.label === 'claim' && 'error' in heard);
  return isRead ? state.items[ACCOUNT] : undefined;
}

function stalled(state: State, isLate: boolean): State {
  const actors = state.actors.map((actor) => ({
    ...actor,
    waits: actor.waits.map((wait) => ({ ...wait, isLate: wait.isLate || isLate })),
  }));
  return { ...state, now: plus(state.now, STALL), actors, memory: troubled(state.memory, 'late') };
}

function withStarted(state: State, name: string, role: string, node: Node, isLate: boolean): State {
  const waits = [...node.requests.keys()].map((number) => ({ number, since: state.now, isLate }));
  return {
    ...state,
    actors: [...state.actors, { name, role, node, waits, isDead: false, retries: 0 }],
  };
}
