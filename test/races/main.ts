import { parseArgs } from 'node:util';
import type { Design } from './designs.ts';
import { designs } from './designs.ts';
import { exploreAll, type Finding, type Limits, replay } from './explore.ts';
import { runRandom } from './random.ts';
import { pairs, triples } from './scenarios.ts';
import type { Scenario } from './simulation.ts';

/* `npm run races`: explores interleavings for as long as one likes, and prints what it found. */

const HELP = `npm run races -- [--runs N] [--seed S] [--pairs FAULTS,STALLS] [--triples FAULTS,STALLS] [--design NAME]

  --runs N      random interleavings of two to five processes (default 2000)
  --seed S      of the random ones (default: by the clock; printed)
  --pairs F,S   every interleaving of two processes with up to F faults and S stalls (default 0,1: minutes; 1,0: an hour)
  --triples F,S the same of three
  --design NAME ${Object.keys(designs).join(' | ')} (default ours)
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    pairs: { type: 'string', default: '0,1' },
    triples: { type: 'string' },
    design: { type: 'string', default: 'ours' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || !Object.hasOwn(designs, values.design)) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 1);
}

const design = values.design as Design;
const findings: Finding[] = [];
const started = performance.now();
await exhaust('two processes', pairs, values.pairs);
if (values.triples) await exhaust('three processes', triples, values.triples);
const isClean = (await random(Number(values.runs), Number(values.seed))) && findings.length === 0;
print(isClean ? 'races: OK' : 'races: invariants were broken');
process.exitCode = isClean ? 0 : 1;

async function exhaust(what: string, scenarios: readonly Scenario[], text: string): Promise<void> {
  const [faults = 0, stalls = 0] = text.split(',').map(Number);
  const limits: Limits = { faults, stalls };
  print(`${what}, up to ${faults} fault(s) and ${stalls} stall(s)`);
  let runs = 0;
  let states = 0;
  for (const [done, scenario] of scenarios.entries()) {
    const explored = await exploreAll(
      { ...scenario, design },
      limits,
      (each) => each.findings.length > 0,
    );
    runs += explored.runs;
    states += explored.states;
    findings.push(...explored.findings);
    for (const finding of explored.findings) await report(finding, limits);
    const isLastOfModel = scenarios[done + 1]?.model !== scenario.model;
    if (isLastOfModel) print(`  with ${scenario.model}: ${progress(done + 1, runs, states)}`);
  }
}

async function random(runs: number, seed: number): Promise<boolean> {
  const { runs: done, failure } = await runRandom(runs, seed, design);
  print(`random, seed ${seed}: ${done} interleavings, ${seconds()}`);
  if (!failure) return true;
  print(`  broke: ${failure.violations.join('; ')}`);
  print(`  ${JSON.stringify({ ...failure.scenario, ...failure.limits, path: failure.path })}`);
  print(`  ${failure.trace}`);
  return false;
}

async function report({ scenario, violations, path }: Finding, limits: Limits): Promise<void> {
  const { trace } = await replay(scenario, limits, path);
  print(`  ${scenario.model}, ${scenario.start}, ${scenario.roles.join(' + ')}`);
  print(`  broke: ${violations.join('; ')}`);
  print(`  ${trace.map(({ actor, outcome }) => `${actor}:${outcome}`).join(' ')}`);
}

function progress(scenarios: number, runs: number, states: number): string {
  return `${scenarios} scenarios, ${runs} interleavings, ${states} distinct states, ${seconds()}`;
}

function seconds(): string {
  return `${Math.round((performance.now() - started) / 1000)} s so far`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
