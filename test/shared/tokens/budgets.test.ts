import { describe, expect, it } from 'vitest';
import { functions } from '../../../functions/manifest.ts';
import { CALL, ESCROW, LEASE, REDEEM, SPENDING, STORE } from '../../../shared/tokens/budgets.ts';

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
});
