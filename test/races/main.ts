import { parseArgs } from 'node:util';
import type { Limits } from './choices.ts';
import { type Design, designs } from './designs.ts';
import { exploreAll, type Finding, replay } from './explore.ts';
import { runRandom } from './random.ts';
import { pairs, triples } from './scenarios.ts';
import type { Scenario } from './simulation.ts';

/* `npm run races`: explores interleavings for as long as one likes, and prints what it found. */

const HELP = `npm run races -- [options]

  --pairs F,S     every interleaving of two processes with up to F faults and S stalls (default 0,1)
  --triples F,S   the same of three
  --minutes N     how long the pairs may take, and the triples (60 unless told); what was not reached by then is counted
  --prompt        no request is late because all stalled: many fewer states, for a fault and a stall in one run
  --shard I/N     only every Nth scenario, from the Ith on (1 to N), so that N processes can share the work
  --only WORDS    only scenarios, of the random ones as well, whose server, start and roles contain all of these words
  --except WORDS  without those that contain all of these words, or all of those behind a comma
  --runs N        random interleavings of two to five processes (default 2000)
  --seed S        of the random ones (default: by the clock; printed)
  --findings N    how many findings end a scenario (default 1); of each kind, the first is printed
  --replay JSON   runs one interleaving alone, given as a finding prints it
  --design NAME   ${Object.keys(designs).join(' | ')} (default ours)
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    pairs: { type: 'string', default: '0,1' },
    triples: { type: 'string' },
    minutes: { type: 'string' },
    prompt: { type: 'boolean', default: false },
    shard: { type: 'string', default: '1/1' },
    only: { type: 'string', default: '' },
    except: { type: 'string', default: '' },
    findings: { type: 'string', default: '1' },
    replay: { type: 'string' },
    design: { type: 'string', default: 'ours' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || !Object.hasOwn(designs, values.design)) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 1);
}

if (values.replay) {
  const { path, faults, stalls, ...scenario } = JSON.parse(values.replay);
  const { violations, trace } = await replay(scenario, { faults, stalls }, path);
  print(`${trace.join(' ')}\nbroke: ${violations.join('; ') || 'nothing'}`);
  process.exit(violations.length === 0 ? 0 : 1);
}

const design = values.design as Design;
const [shard = 1, shards = 1] = values.shard.split('/').map(Number);
const words = wordsOf(values.only);
const excepted = values.except.split(',').map(wordsOf).filter(isNotEmpty);
const findings: Finding[] = [];
const started = performance.now();
await exhaust('two processes', pairs, values.pairs, inMinutes(values.minutes));
if (values.triples) {
  await exhaust('three processes', triples, values.triples, inMinutes(values.minutes ?? '60'));
}
const isClean = (await random(Number(values.runs), Number(values.seed))) && findings.length === 0;
print(isClean ? 'races: OK' : 'races: invariants were broken');
process.exitCode = isClean ? 0 : 1;

/** @param until when to stop; each scenario may take its share of what is left */
async function exhaust(
  what: string,
  all: readonly Scenario[],
  text: string,
  until: number,
): Promise<void> {
  const [faults = 0, stalls = 0] = text.split(',').map(Number);
  const limits: Limits = { faults, stalls };
  const scenarios = all.filter(isWanted).filter((_, index) => index % shards === shard - 1);
  print(`${what}, up to ${faults} fault(s) and ${stalls} stall(s): ${scenarios.length} scenarios`);
  const total = { states: 0, steps: 0, ends: 0, open: 0 };
  for (const [done, scenario] of scenarios.entries()) {
    const share = (until - performance.now()) / (scenarios.length - done);
    const stopAt = performance.now() + share;
    const explored = await exploreAll(
      { ...scenario, design, isPromptAfterStall: values.prompt },
      limits,
      (each) => each.findings.length >= Number(values.findings) || performance.now() > stopAt,
    );
    total.states += explored.states;
    total.steps += explored.steps;
    total.ends += explored.ends;
    total.open += explored.open;
    findings.push(...explored.findings);
    for (const finding of firstOfEachKind(explored.findings)) report(finding, limits);
    if (words.length > 0) print(`  ${nameOf(scenario)}: ${explored.states} states, ${seconds()}`);
    const isLastOfModel = scenarios[done + 1]?.model !== scenario.model;
    if (isLastOfModel) {
      print(
        `  with ${scenario.model}: ${done + 1} scenarios, ${total.states} states, ${total.steps} steps, ` +
          `${total.ends} ends, ${total.open} not reached, ${seconds()}`,
      );
    }
  }
}

function inMinutes(minutes = 'Infinity'): number {
  return performance.now() + Number(minutes) * 60_000;
}

function isWanted(scenario: Scenario): boolean {
  const name = wordsOf(nameOf(scenario));
  const hasAll = (all: readonly string[]) => all.every((word) => name.includes(word));
  return hasAll(words) && !excepted.some(hasAll);
}

function wordsOf(text: string): string[] {
  return text.split(/[\s,+]+/).filter(Boolean);
}

function isNotEmpty(all: readonly string[]): boolean {
  return all.length > 0;
}

async function random(runs: number, seed: number): Promise<boolean> {
  const { runs: done, failure } = await runRandom(runs, seed, design, isWanted);
  print(`random, seed ${seed}: ${done} interleavings, ${seconds()}`);
  if (!failure) return true;
  print(`  broke: ${failure.violations.join('; ')}`);
  print(`  ${JSON.stringify({ ...failure.scenario, ...failure.limits, path: failure.path })}`);
  print(`  ${failure.trace}`);
  return false;
}

function firstOfEachKind(all: readonly Finding[]): Finding[] {
  const kinds = new Map([...all].reverse().map((each) => [each.violations.join(), each]));
  return [...kinds.values()].reverse();
}

function report({ scenario, violations, path, trace }: Finding, limits: Limits): void {
  print(`  ${nameOf(scenario)}`);
  print(`  broke: ${violations.join('; ')}`);
  print(`  ${JSON.stringify({ ...scenario, ...limits, path })}`);
  print(`  ${trace.join(' ')}`);
}

function nameOf({ model, start, roles }: Scenario): string {
  return `${model}, ${start}, ${roles.join(' + ')}`;
}

function seconds(): string {
  return `${Math.round((performance.now() - started) / 1000)} s so far`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
