import { expect, it } from 'vitest';
import { backoff } from '../../../shared/runtime/backoff.ts';

it('pauses for twice as long each time, up to a limit, and never for quite as long as others', () => {
  const least = [0, 1, 2, 3, 9].map((attempt) => backoff(attempt, 100, 1_000, () => 0));
  const most = [0, 1, 2, 3, 9].map((attempt) => backoff(attempt, 100, 1_000, () => 1));
  expect(least).toEqual([50, 100, 200, 400, 500]);
  expect(most).toEqual([100, 200, 400, 800, 1_000]);
  const pauses = Array.from({ length: 50 }, () => backoff(3, 100, 1_000));
  expect(new Set(pauses).size).toBeGreaterThan(10);
});
