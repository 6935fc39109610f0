/** Per app and account. */
const MOST_REQUESTS = 2_500;
const WINDOW_MS = 300_000;

const MAXIMUM_AVAILABLE = 10_000;
const RESTORE_RATE_PER_SECOND = 500;

export interface Cost {
  readonly requestedQueryCost: number;
  readonly actualQueryCost: number;
  readonly throttleStatus: {
    readonly maximumAvailable: number;
    readonly currentlyAvailable: number;
    readonly restoreRate: number;
  };
}

interface Meter {
  windowStart: number;
  requests: number;
  available: number;
  restoredAt: number;
}

/** Jobber's two limits: requests in five minutes, and a bucket of query cost that fills up again. */
export function graphqlLimits(now: () => number) {
  const meters = new Map<number, Meter>();

  function meterOf(accountId: number): Meter {
    const known = meters.get(accountId);
    if (known) return known;
    const meter = {
      windowStart: now(),
      requests: 0,
      available: MAXIMUM_AVAILABLE,
      restoredAt: now(),
    };
    meters.set(accountId, meter);
    return meter;
  }

  /** @returns whether this is one request too many. */
  function countRequest(accountId: number): boolean {
    const meter = meterOf(accountId);
    if (now() >= meter.windowStart + WINDOW_MS) {
      meter.windowStart = now();
      meter.requests = 0;
    }
    return ++meter.requests > MOST_REQUESTS;
  }

  /** Charges the cost if the bucket holds as much. */
  function charge(accountId: number, requested: number): { throttled: boolean; cost: Cost } {
    const meter = meterOf(accountId);
    const restored = ((now() - meter.restoredAt) / 1000) * RESTORE_RATE_PER_SECOND;
    meter.available = Math.min(MAXIMUM_AVAILABLE, meter.available + restored);
    meter.restoredAt = now();
    const throttled = requested > meter.available;
    if (!throttled) meter.available -= requested;
    return { throttled, cost: costOf(requested, throttled ? 0 : requested, meter.available) };
  }

  return { countRequest, charge, forget: () => meters.clear() };
}

/** What the `cost` extension says. */
export function costOf(requested: number, actual: number, available = MAXIMUM_AVAILABLE): Cost {
  return {
    requestedQueryCost: requested,
    actualQueryCost: actual,
    throttleStatus: {
      maximumAvailable: MAXIMUM_AVAILABLE,
      currentlyAvailable: Math.floor(available),
      restoreRate: RESTORE_RATE_PER_SECOND,
    },
  };
}
