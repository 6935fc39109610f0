import fc from 'fast-check';
import { MODELS } from './authorization-server.ts';
import type { Limits } from './choices.ts';
import { replay } from './explore.ts';
import type { Invariant } from './invariants.ts';
import { ROLES } from './roles.ts';
import type { Scenario } from './simulation.ts';
import { STARTS } from './starts.ts';

export interface Failure {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly limits: Limits;
  readonly path: readonly number[];
  readonly violations: readonly Invariant[];
  readonly trace: string;
}

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  model: fc.constantFrom(...MODELS),
  start: fc.constantFrom(...STARTS),
  roles: fc.array(fc.constantFrom(...ROLES), { minLength: 2, maxLength: 5 }),
  returnsFailedItem: fc.boolean(),
  skews: fc.array(fc.integer({ min: -1_500, max: 1_500 }), { minLength: 5, maxLength: 5 }),
});
const limits: fc.Arbitrary<Limits> = fc.record({
  faults: fc.integer({ min: 0, max: 4 }),
  stalls: fc.integer({ min: 0, max: 3 }),
});
/** Mostly the choice that comes first, in stretches, so that processes get far. */
const paths = fc.array(
  fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(40) }),
  { maxLength: 60 },
);

/** Runs random interleavings of two to five processes; a failure comes shrunk, and its seed replays it. */
export async function runRandom(
  runs: number,
  seed: number,
  design: Scenario['design'] = 'ours',
  isWanted: (scenario: Scenario) => boolean = () => true,
): Promise<{ runs: number; failure: Failure | undefined }> {
  let done = 0;
  const property = fc.asyncProperty(
    scenarios.filter(isWanted),
    limits,
    paths,
    async (scenario, limit, path) => {
      done++;
      const { violations } = await replay({ ...scenario, design }, limit, path);
      return violations.length === 0;
    },
  );
  const { counterexample } = await fc.check(property, { numRuns: runs, seed });
  if (!counterexample) return { runs: done, failure: undefined };
  const [given, limit, path] = counterexample;
  const scenario = { ...given, design };
  const { violations, trace } = await replay(scenario, limit, path);
  return {
    runs: done,
    failure: { seed, scenario, limits: limit, path, violations, trace: trace.join(' ') },
  };
}
