import { describe, expect, it } from 'vitest';
import { costs } from '../../bench/cost.ts';
import type { Operation, OperationsResult } from '../../bench/operations.ts';
import type { SweepAlone } from '../../bench/sweep-alone.ts';

const operation = (
  design: Operation['design'],
  name: Operation['operation'],
  units: { write: number; index?: number; read?: number },
) => ({
  design,
  operation: name,
  consumed: { calls: 1, posts: 1, read: 0, index: 0, ...units },
});

const operations = {
  operations: [
    operation('jobber-tokens', 'refresh by the sweep', { write: 2 }),
    operation('simple-oauth2', 'refresh on demand', { write: 1, read: 0.5 }),
  ],
} as unknown as OperationsResult;

const alone = [{ entries: 1_000_000, cpuMs: 75_000 }] as unknown as SweepAlone[];

describe('the cost model of the bench', () => {
  const { bills, designs } = costs(operations, alone);
  const billOf = (connections: number, inUse: number) =>
    bills.find((bill) => bill.connections === connections && bill.inUse === inUse);

  it('counts 973 refreshes a month for a connection in use, and one a day for an idle one', () => {
    expect(billOf(1e6, 1)?.counts[0]?.value).toBeCloseTo(973.33 * 1e6, -5);
    expect(billOf(1e6, 0.03)?.counts[0]?.value).toBeCloseTo(
      (973.33 * 0.03 + 30.42 * 0.97) * 1e6,
      -5,
    );
  });

  it('keeps a million connections for 1,900 dollars a month, and for 350 if 3 % are in use', () => {
    expect(billOf(1e6, 1)?.total).toBeLessThanOrEqual(1_900);
    expect(billOf(1e6, 0.03)?.total).toBeLessThanOrEqual(350);
  });

  it('charges 2 write units for a refresh, and 4 a day at most for noting the use', () => {
    const items = billOf(1e6, 1)?.items.map(({ value }) => Math.round(value)) ?? [];
    expect(items.slice(0, 2)).toEqual([1_217, 76]);
  });

  it('charges a design without a sweep for the connections in use alone', () => {
    const of = (inUse: number) =>
      designs.find(
        (each) =>
          each.design === 'simple-oauth2' && each.connections === 1e6 && each.inUse === inUse,
      )?.total ?? Number.NaN;
    const stored = 0.59;
    expect(of(1) - stored).toBeCloseTo(((730 * 60) / 59) * (0.625 + 0.5 * 0.125), 0);
    expect((of(0.03) - stored) / (of(1) - stored)).toBeCloseTo(0.03, 2);
  });
});
