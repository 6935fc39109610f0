import { choicesOf, type Limits } from './choices.ts';
import { converge } from './converge.ts';
import { fingerprint } from './fingerprint.ts';
import type { Invariant } from './invariants.ts';
import { judgeQuiet } from './oracle.ts';
import { type Next, type Scenario, Simulation } from './simulation.ts';
import { type Choice, describeChoice, isFault, type State } from './state.ts';

/*
 * How so many interleavings are few states. A process is a function of what it hears and when it looks at the clock, so
 * `automaton.ts` runs each piece of it once. The rest is a graph: steps that commute end in the same state (`fingerprint.ts`),
 * and what follows from a state is explored once, with the most faults and stalls left. No interleaving is left out by that.
 *
 * These are left out. In exchange for fewer states, without a proof that nothing is lost:
 * - Requests take no time unless a pause of somebody else's ends meanwhile; then at most `PROMPT`, after a stall `LATE`.
 * - A follower that saw no change but a RENEW looks again only when something has changed. So none runs out of patience
 *   while the holder is well, which changes nothing but its own answer.
 * - Attempts that are refused like the one before happen at once, as do the pauses between them.
 * - All stall together, for 30 s, and only once somebody has begun. A server that ends a grant on reuse, and the slow one, see
 *   no late request after a stall, and nobody does with `--prompt`. The slow server always takes 45 s. Reads fail or are
 *   true; a lagging index is not modelled.
 * - Equal states of the end, with times counted from now in seconds, converge alike (`converge.ts`): sound but for rounding.
 * One account, one table item and the breaker's. The tests convict each bad design under this same reduction.
 */

export interface Finding {
  readonly scenario: Scenario;
  readonly violations: readonly Invariant[];
  /** Replays it: which of the choices was taken at each point. */
  readonly path: readonly number[];
  readonly trace: readonly string[];
}

export interface Explored {
  /** Distinct states. */
  states: number;
  /** Steps from one state to the next. */
  steps: number;
  /** Distinct states in which all have ended. */
  ends: number;
  /** States that were found and not gone on from. */
  open: number;
  findings: Finding[];
}

interface Frame {
  readonly state: State;
  readonly limits: Limits;
  readonly choices: readonly Choice[];
  next: number;
}

/** Goes through every state of a scenario that can be reached with so many faults and stalls, each once. */
export async function exploreAll(
  scenario: Scenario,
  limits: Limits,
  enough: (explored: Explored) => boolean = () => false,
): Promise<Explored> {
  const simulation = new Simulation(scenario);
  const explored: Explored = { states: 0, steps: 0, ends: 0, open: 0, findings: [] };
  const seen = new Map<string, number>();
  const stack: Frame[] = [];
  await enter(await simulation.begin(), limits);
  for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
    const choice = frame.choices[frame.next++];
    if (!choice) {
      stack.pop();
      continue;
    }
    if (enough(explored)) break;
    explored.steps++;
    const taken = simulation.take(frame.state, choice);
    const { state, broken }: Next = taken instanceof Promise ? await taken : taken;
    if (broken.length > 0) found(broken);
    else await enter(state, spent(frame.limits, choice));
  }
  explored.open = stack.reduce(
    (sum, { choices, next }) => sum + Math.max(0, choices.length - next),
    0,
  );
  return explored;

  async function enter(state: State, left: Limits): Promise<void> {
    if (!isNew(fingerprint(state), left)) return;
    explored.states++;
    const choices = choicesOf(state, left);
    if (choices.length > 0) {
      stack.push({ state, limits: left, choices, next: 0 });
      return;
    }
    explored.ends++;
    const broken = [...judgeQuiet(state), ...(await converge(simulation, state))];
    if (broken.length > 0) found(broken);
  }

  /** With more faults and stalls left all happens that happens with fewer. */
  function isNew(state: string, { faults, stalls }: Limits): boolean {
    const known = seen.get(state) ?? 0;
    for (let f = faults; f <= limits.faults; f++) {
      for (let s = stalls; s <= limits.stalls; s++) if (known & bit(f, s)) return false;
    }
    seen.set(state, known | bit(faults, stalls));
    return true;
  }

  function bit(faults: number, stalls: number): number {
    return 1 << (faults * (limits.stalls + 1) + stalls);
  }

  function found(violations: readonly Invariant[]): void {
    const path = stack.map(({ next }) => next - 1);
    const trace = stack.map(({ state, choices, next }) =>
      describeChoice(state, choices[next - 1] as Choice),
    );
    explored.findings.push({ scenario, violations: [...new Set(violations)], path, trace });
  }
}

export function spent({ faults, stalls }: Limits, choice: Choice): Limits {
  if (choice.kind === 'stall') return { faults, stalls: stalls - 1 };
  return isFault(choice) ? { faults: faults - 1, stalls } : { faults, stalls };
}

/** Runs one interleaving: `path` says which choice to take at each point, the first one beyond its end. */
export async function replay(scenario: Scenario, limits: Limits, path: readonly number[]) {
  const simulation = new Simulation(scenario);
  const violations: Invariant[] = [];
  const trace: string[] = [];
  let state = await simulation.begin();
  let left = limits;
  for (let point = 0; ; point++) {
    const choices = choicesOf(state, left);
    const choice = choices[(path[point] ?? 0) % Math.max(1, choices.length)];
    if (!choice) break;
    left = spent(left, choice);
    trace.push(describeChoice(state, choice));
    const next = await simulation.take(state, choice);
    violations.push(...next.broken);
    state = next.state;
  }
  violations.push(...judgeQuiet(state), ...(await converge(simulation, state)));
  return { violations: [...new Set(violations)], trace, state };
}
