import { expect, it } from 'vitest';
import { probesOf, shortestDistance } from './bad-time.ts';
import { watchBreaker } from './breaker-watch.ts';
import type { Attempt } from './journal.ts';

const attempt = (container: string, at: number) => ({ container, at }) as Attempt;

it('takes no redemption for a probe that was sent after its place had ended', () => {
  let now = 0;
  const breaker = watchBreaker(() => now);
  const wrote = (at: number, container: string, probeId: string) => {
    now = at;
    breaker.wrote(container, { openedAt: { N: '1' }, probeId: { S: probeId } });
  };
  wrote(1_000, 'one', 'A');
  // It sends nothing, so another one may take the place.
  wrote(5_000, 'two', 'B');
  const attempts = [attempt('two', 5_100), attempt('one', 7_700)];
  const probes = probesOf({ attempts, breaker });
  expect(probes).toEqual([attempts[0]]);
  expect(shortestDistance(probes)).toBe(Number.POSITIVE_INFINITY);
});
