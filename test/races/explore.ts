import type { Invariant } from './oracle.ts';
import { type Choice, type Scenario, Simulation } from './simulation.ts';

export interface Limits {
  /** How many steps may end otherwise than well. */
  readonly faults: number;
  /** How often all stall past a lease. */
  readonly stalls: number;
}

export interface Finding {
  readonly scenario: Scenario;
  readonly violations: readonly Invariant[];
  /** Replays it: which of the choices was taken at each point. */
  readonly path: readonly number[];
}

export interface Explored {
  /** Interleavings run to their end. */
  runs: number;
  /** Distinct states at which there was a choice. */
  states: number;
  findings: Finding[];
}

/** Runs one interleaving: `path` says which choice to take at each point, the first one beyond its end. */
export async function replay(scenario: Scenario, limits: Limits, path: readonly number[]) {
  const simulation = new Simulation(scenario);
  await simulation.begin();
  const trace: Choice[] = [];
  let { faults, stalls } = limits;
  for (let point = 0; ; point++) {
    const choices = simulation.choices(faults, stalls);
    const choice = choices[(path[point] ?? 0) % Math.max(1, choices.length)];
    if (!choice) break;
    if (choice.outcome === 'stall') stalls--;
    else if (choice.outcome !== 'ok' && !simulation.isForced(choice)) faults--;
    trace.push(choice);
    await simulation.take(choice);
  }
  await simulation.conclude();
  return { violations: [...simulation.violations], trace };
}

/** Runs every interleaving of a scenario; what two of them have in common from a state on, once. */
export async function exploreAll(
  scenario: Scenario,
  limits: Limits,
  enough: (explored: Explored) => boolean = () => false,
): Promise<Explored> {
  const explored: Explored = { runs: 0, states: 0, findings: [] };
  const seen = new Set<string>();
  const open: number[][] = [[]];
  for (let path = open.pop(); path && !enough(explored); path = open.pop()) {
    const violations = await runNew(scenario, limits, path, seen, open);
    if (!violations) continue;
    explored.runs++;
    if (violations.length > 0) explored.findings.push({ scenario, violations, path });
  }
  explored.states = seen.size;
  return explored;
}

/** Follows a path and then first choices, noting the others; stops where another run has been. */
async function runNew(
  scenario: Scenario,
  limits: Limits,
  path: number[],
  seen: Set<string>,
  open: number[][],
): Promise<Invariant[] | undefined> {
  const simulation = new Simulation(scenario);
  await simulation.begin();
  let { faults, stalls } = limits;
  const taken: number[] = [];
  for (;;) {
    const choices = simulation.choices(faults, stalls);
    if (choices.length === 0) break;
    const point = taken.length;
    if (point >= path.length && choices.length > 1) {
      const state = simulation.fingerprint();
      if (seen.has(state)) return undefined;
      seen.add(state);
      for (let other = choices.length - 1; other > 0; other--) open.push([...taken, other]);
    }
    const index = path[point] ?? 0;
    const choice = choices[index] as Choice;
    taken.push(index);
    if (choice.outcome === 'stall') stalls--;
    else if (choice.outcome !== 'ok' && !simulation.isForced(choice)) faults--;
    await simulation.take(choice);
  }
  await simulation.conclude();
  return [...simulation.violations];
}
