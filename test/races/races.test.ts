import { describe, expect, it } from 'vitest';
import type { Design } from './designs.ts';
import { type Explored, exploreAll } from './explore.ts';
import type { Invariant } from './oracle.ts';
import { runRandom } from './random.ts';
import { pairs } from './scenarios.ts';
import type { Role, Scenario } from './simulation.ts';

/* A part of what `npm run races` explores, so that it stays below a minute. */

const among = (...models: Scenario['model'][]) =>
  pairs.filter(({ model }) => models.includes(model));

/** Half of all states: left to `npm run races`. */
const isBetweenDisconnects = ([first]: readonly Role[]) =>
  first === 'disconnect' || first === 'webhook';

/** `npm run races` explores all of them. */
const isEnough = ({ runs }: Explored) => runs >= 100;

describe('the first hundred interleavings of two processes', { timeout: 120_000 }, () => {
  it('keeps every invariant in peace, and when all stall past a lease once', async () => {
    let states = 0;
    const scenarios = [
      ...among('new-app').filter(({ roles }) => !isBetweenDisconnects(roles)),
      ...among('switched-on').filter(({ roles }) => String(roles) === 'caller,sweep'),
    ];
    for (const scenario of scenarios) {
      const explored = await exploreAll(scenario, { faults: 0, stalls: 1 }, isEnough);
      expect(explored.findings).toEqual([]);
      states += explored.states;
    }
    expect(states).toBeGreaterThan(500);
  });

  it('keeps every invariant with one crash, lost reply or refused write anywhere', async () => {
    const met = [
      ['caller', 'caller'],
      ['caller', 'callback'],
      ['rejected', 'sweep'],
    ].map(String);
    const scenarios = among('new-app').filter(({ roles }) => met.includes(String(roles)));
    expect(scenarios).toHaveLength(met.length);
    for (const scenario of scenarios) {
      const explored = await exploreAll(scenario, { faults: 1, stalls: 0 }, isEnough);
      expect(explored.findings).toEqual([]);
    }
  });
});

describe('random interleavings of two to five processes', { timeout: 120_000 }, () => {
  it('keep every invariant', async () => {
    const seed = Date.now() % 1_000_000;
    const { runs, failure } = await runRandom(1_000, seed);
    expect(failure).toBeUndefined();
    expect(runs).toBe(1_000);
  });
});

describe('the harness convicts the obvious designs', { timeout: 60_000 }, () => {
  const convictions: [Design, Scenario, Invariant][] = [
    [
      'blind-write',
      { model: 'new-app', start: 'expired', roles: ['caller', 'callback'] },
      'a new grant is never overwritten',
    ],
    [
      'conditional-write-only',
      { model: 'new-app', start: 'expired', roles: ['caller', 'caller'] },
      'no verdict while a live token is stored, in hand or in escrow',
    ],
    [
      'conditional-write-only',
      { model: 'reuse-revokes', start: 'expired', roles: ['caller', 'caller'] },
      'the stored token is live, unless a crash or a lost answer took its successor',
    ],
    [
      'no-re-read',
      { model: 'new-app', start: 'expired', roles: ['caller', 'caller'] },
      'no verdict while a live token is stored, in hand or in escrow',
    ],
    [
      'store-needs-lease',
      { model: 'new-app', start: 'expired', roles: ['caller', 'caller'] },
      'the stored token is live, unless a crash or a lost answer took its successor',
    ],
  ];

  it.each(convictions)('%s, %o: it breaks “%s”', async (design, scenario, invariant) => {
    const convicted = (violations: readonly Invariant[]) => violations.includes(invariant);
    const { findings } = await exploreAll(
      { ...scenario, design },
      { faults: 0, stalls: 1 },
      (explored) =>
        explored.runs >= 2_000 ||
        explored.findings.some((finding) => convicted(finding.violations)),
    );
    expect(findings.some((finding) => convicted(finding.violations))).toBe(true);
  });
});
