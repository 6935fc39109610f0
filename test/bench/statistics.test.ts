import { describe, expect, it } from 'vitest';
import { quantile, rotated, spread } from '../../bench/statistics.ts';

describe('the statistics of the bench', () => {
  it('take quantiles by the nearest rank, whatever the order', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0, 0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([1, 50, 99, 100]);
    expect(quantile([7], 0.99)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });

  it('sort by number, and leave the values as they are', () => {
    const values = [10, 9, 100, 1];
    expect(spread(values)).toEqual({ median: 9, from: 1, to: 10 });
    expect(values).toEqual([10, 9, 100, 1]);
  });

  it('begin each turn with another', () => {
    expect([0, 1, 2, 3].map((turn) => rotated(['a', 'b', 'c'], turn).join(''))).toEqual([
      'abc',
      'bca',
      'cab',
      'abc',
    ]);
  });
});
