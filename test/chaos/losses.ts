import { type Price, priceOf, probesOf, shortestDistance } from './bad-time.ts';
import { forbidden } from './customers.ts';
import type { Result } from './run.ts';

/** What a run cost in connections. */
export interface Losses {
  readonly lost: number;
  /** Lost silently, or recorded as something else. */
  readonly silently: number;
  /** Of those that were lost because Jobber was bad for a time. */
  readonly byPrice: Readonly<Record<Price, number>>;
  /** More than in flight and by the probes. */
  readonly beyond: number;
  /** Whoever was killed, or met by a single fault. */
  readonly otherwise: number;
  readonly probes: number;
  /** Between two of them, in milliseconds of the system's clock. */
  readonly shortestDistance: number;
  /** Redemptions that were sent while Jobber was bad. */
  readonly sent: number;
}

const LOST_IN_THE_WINDOW = 'lost in the window';

export function lossesOf({ audited, losses, wire, badTime }: Result): Losses {
  const all = [...audited, ...losses];
  const silently = forbidden(all);
  const evidence = badTime && { ...wire, badTime };
  const prices = all
    .filter(({ verdict }) => verdict === LOST_IN_THE_WINDOW)
    .map(({ lost }) => lost && evidence && priceOf(lost, evidence));
  const count = (price: Price | undefined) => prices.filter((each) => each === price).length;
  const probes = probesOf(wire);
  const isSent = ({ at }: { at: number }) => badTime && at >= badTime.start && at <= badTime.end;
  return {
    lost: prices.length + silently,
    silently,
    byPrice: {
      'in flight': count('in flight'),
      'a probe': count('a probe'),
      'closed too early': count('closed too early'),
      beyond: count('beyond'),
    },
    beyond: count('closed too early') + count('beyond'),
    otherwise: count(undefined),
    probes: probes.length,
    shortestDistance: shortestDistance(probes),
    sent: wire.attempts.filter(isSent).length,
  };
}
