import { describe, expect, it } from 'vitest';
import type { Limits } from './choices.ts';
import type { Design } from './designs.ts';
import { exploreAll } from './explore.ts';
import type { Invariant } from './invariants.ts';
import { runRandom } from './random.ts';
import { pairs } from './scenarios.ts';
import type { Scenario } from './simulation.ts';

/* A part of what `npm run races` explores, so that it stays below a minute. */

const PEACE: Limits = { faults: 0, stalls: 0 };
const STALL: Limits = { faults: 0, stalls: 1 };
const FAULT: Limits = { faults: 1, stalls: 0 };
const BOTH: Limits = { faults: 1, stalls: 1 };

const CALLERS: Pick<Scenario, 'start' | 'roles'> = {
  start: 'expired',
  roles: ['caller', 'caller'],
};
const CALLER_AND_CALLBACK: typeof CALLERS = { start: 'expired', roles: ['caller', 'callback'] };

describe('every interleaving of two processes', { timeout: 120_000 }, () => {
  it.each([
    ['in peace, on all servers', PEACE, 273, pairs],
    ['when all stall past a lease', STALL, 5, among('new-app', 'callback', 'appeal')],
    ['with one fault anywhere', FAULT, 3, among('new-app', 'caller')],
  ])('keeps every invariant %s', async (_, limits, atLeast, scenarios) => {
    expect(scenarios.length).toBeGreaterThanOrEqual(atLeast);
    for (const scenario of scenarios) {
      const { findings, open } = await exploreAll(scenario, limits);
      expect(findings).toEqual([]);
      expect(open).toBe(0);
    }
  });
});

describe('random interleavings of two to five processes', { timeout: 120_000 }, () => {
  it('keep every invariant', async () => {
    // Always the same: of ten thousand, one finds what `npm run races` knows of grants that are stored a minute late.
    const seed = 1;
    const { runs, failure } = await runRandom(200, seed);
    expect(failure).toBeUndefined();
    expect(runs).toBe(200);
  });
});

describe('the harness convicts every design that is known to be bad', { timeout: 60_000 }, () => {
  const convictions: [Design, Limits, Scenario, Invariant][] = [
    [
      'blind-write',
      PEACE,
      { model: 'new-app', ...CALLER_AND_CALLBACK },
      'a new grant is never overwritten',
    ],
    [
      'conditional-write-only',
      PEACE,
      { model: 'new-app', ...CALLERS },
      'a token is sent once, unless somebody crashed, stalled or got no answer',
    ],
    [
      'conditional-write-only',
      PEACE,
      { model: 'reuse-revokes', ...CALLERS },
      'the stored token is live, unless a crash or a lost answer took its successor',
    ],
    [
      'no-re-read',
      PEACE,
      { model: 'new-app', ...CALLER_AND_CALLBACK },
      'no verdict while a live token is stored, in hand or in escrow',
    ],
    [
      'store-needs-lease',
      STALL,
      { model: 'new-app', ...CALLERS },
      'the stored token is live, unless a crash or a lost answer took its successor',
    ],
    [
      'any-grant-overwrites',
      PEACE,
      { model: 'new-app', start: 'expired', roles: ['callback', 'callback'] },
      'a new grant is never overwritten',
    ],
    [
      'webhook-deletes-any',
      PEACE,
      { model: 'new-app', start: 'expired', roles: ['callback', 'webhook'] },
      'a grant that lives is never deleted',
    ],
    [
      'store-not-awaited',
      PEACE,
      { model: 'new-app', ...CALLERS },
      'who has answered works no more',
    ],
    [
      'unchanged-needs-no-lease',
      BOTH,
      { model: 'switched-on', ...CALLERS },
      'revoked only if nobody redeemed the token',
    ],
    [
      'takeover-does-not-wait',
      FAULT,
      { model: 'reuse-revokes', ...CALLERS },
      'the stored token is live, unless a crash or a lost answer took its successor',
    ],
    [
      'no-renew',
      PEACE,
      { model: 'slow', ...CALLERS },
      'a token is sent once, unless somebody crashed, stalled or got no answer',
    ],
    [
      'one-refusal-verdict',
      FAULT,
      { model: 'new-app', ...CALLERS },
      'no verdict while a live token is stored, in hand or in escrow',
    ],
    [
      'move-ignores-use',
      PEACE,
      { model: 'new-app', start: 'unused', roles: ['caller', 'visit'] },
      'a connection in use is kept warm',
    ],
    [
      'move-ignores-grant',
      PEACE,
      { model: 'new-app', start: 'unused', roles: ['visit', 'callback'] },
      'a connection in use is kept warm',
    ],
    [
      'note-ignores-disconnect',
      PEACE,
      { model: 'new-app', start: 'unused', roles: ['caller', 'disconnect'] },
      'an active connection has one slot, its own, and no other connection has any',
    ],
    [
      'note-writes-all',
      PEACE,
      { model: 'new-app', start: 'idle', roles: ['caller', 'visit'] },
      'a note or a move changes nothing but the use and the slot',
    ],
    [
      'note-fails-call',
      FAULT,
      { model: 'new-app', start: 'idle', roles: ['caller', 'caller'] },
      'no answer depends on its note',
    ],
  ];

  it.each(convictions)(
    '%s, %o, %o: it breaks “%s”',
    async (design, limits, scenario, invariant) => {
      const { findings } = await exploreAll({ ...scenario, design }, limits, (explored) =>
        explored.findings.some(({ violations }) => violations.includes(invariant)),
      );
      expect(findings.flatMap(({ violations }) => violations)).toContain(invariant);
    },
  );
});

function among(model: Scenario['model'], ...first: Scenario['roles']): Scenario[] {
  return pairs.filter((each) => each.model === model && first.includes(each.roles[0] as never));
}
