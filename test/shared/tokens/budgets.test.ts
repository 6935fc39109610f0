import { describe, expect, it } from 'vitest';
import { functions, queues, SWEEP_EVERY_MINUTES } from '../../../functions/manifest.ts';
import {
  ESCROW,
  ESCROW_DELIVERY,
  GRACE,
  LEASE,
  LONGEST_LEASE,
  PROBE_EVERY,
  REDEEM,
  RENEW_EVERY,
  RETRIES,
  SLOW_ANSWER,
  SPENDING,
  STORE,
  TABLE_CALL,
  VISIT_RESERVE,
  WARM_TURN,
} from '../../../shared/tokens/budgets.ts';

describe('the budgets', () => {
  it('fit into each other: a slow answer, STORE, ESCROW and the function’s time-out', () => {
    expect(SPENDING).toBe(REDEEM + STORE + ESCROW);
    for (const name of ['get-token', 'refresh-connection', 'disconnect'] as const) {
      expect(functions[name].timeoutSeconds * 1_000).toBeGreaterThan(SPENDING + 30_000);
    }
    expect(REDEEM).toBeGreaterThan(100_000);
  });

  it('keep a lease alive while its holder waits and stores, though one RENEW fails', () => {
    expect(2 * RENEW_EVERY + TABLE_CALL).toBeLessThan(LEASE);
    expect(RENEW_EVERY + STORE + ESCROW).toBeLessThan(LEASE);
    expect(SLOW_ANSWER).toBeLessThan(RENEW_EVERY);
  });

  it('let a token whose answer was lost be sent once more, and no second time', () => {
    expect(PROBE_EVERY).toBeLessThan(RETRIES);
    expect(2 * PROBE_EVERY).toBeGreaterThan(RETRIES);
  });

  it('let the escrow deliver before a lease that was taken over is used', () => {
    const { visibilitySeconds, consumer } = queues.escrow;
    expect(visibilitySeconds * 1_000).toBeLessThan(ESCROW_DELIVERY);
    expect(visibilitySeconds).toBeGreaterThanOrEqual(functions[consumer].timeoutSeconds);
    expect(ESCROW_DELIVERY + RENEW_EVERY).toBeLessThan(LEASE);
  });

  it('let a verdict wait far longer than any lease lasts', () => {
    expect(GRACE).toBeGreaterThanOrEqual(10 * LONGEST_LEASE);
  });

  it('let a visit come before an access token of an hour expires, though two sweeps are missed', () => {
    expect(VISIT_RESERVE).toBeGreaterThanOrEqual(2 * SWEEP_EVERY_MINUTES * 60_000);
    expect(WARM_TURN + VISIT_RESERVE).toBeLessThan(60 * 60_000);
  });
});
