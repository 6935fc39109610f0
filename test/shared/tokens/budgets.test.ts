import { describe, expect, it } from 'vitest';
import { functions, SWEEP_EVERY_MINUTES } from '../../../functions/manifest.ts';
import {
  CALL,
  ESCROW,
  GRACE,
  LEASE,
  LONGEST_LEASE,
  REDEEM,
  REFRESH_AHEAD_S,
  SPENDING,
  STORE,
} from '../../../shared/tokens/budgets.ts';

describe('the budgets', () => {
  it('fit into each other: what a redemption needs, a call, the function’s time-out, the lease', () => {
    expect(SPENDING).toBe(REDEEM + STORE + ESCROW);
    expect(SPENDING).toBeLessThan(CALL - 1_000);
    expect(CALL).toBeLessThan(LEASE);
    for (const name of ['get-token', 'refresh-connection'] as const) {
      expect(functions[name].timeoutSeconds * 1_000).toBeLessThan(LEASE);
      expect(functions[name].timeoutSeconds * 1_000).toBeGreaterThan(SPENDING + 1_000);
    }
  });

  it('let a verdict wait far longer than any lease lasts', () => {
    expect(GRACE).toBeGreaterThanOrEqual(10 * LONGEST_LEASE);
  });

  it('give two sweeps a chance at each token, and leave most of its hour alone', () => {
    expect(REFRESH_AHEAD_S).toBeGreaterThan(2 * 60 * SWEEP_EVERY_MINUTES);
    expect(REFRESH_AHEAD_S).toBeLessThanOrEqual(30 * 60);
  });
});
