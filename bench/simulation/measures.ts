/** What is counted in each minute: sums, unless it says otherwise. */
const MEASURES = [
  /** Refreshes that Jobber was asked for. */
  'refreshesBySweep',
  'refreshesByCallers',
  /** The busiest second. */
  'peakBySweep',
  'peakByCallers',
  'peak',
  /** Callers who found no token that lasts, and had to wait for a refresh. */
  'callersWhoWaited',
  /** Of these, the ones who had none after 30 s. */
  'callersWithoutToken',
  /** Callers who wait, at the end of the minute. */
  'callersWaiting',
  /** How many invocations of `get-token` the callers want at once, at most. */
  'getTokensWanted',
  'visits',
  /** Visits that found a token that lasts. */
  'visitsNotDue',
  /** Visits that were sent again with a delay. */
  'sentAgain',
  'queuedBySweep',
  /** Messages that are visible, or delayed, at the end of the minute. */
  'queueVisible',
  'queueDelayed',
  /** Seconds that the oldest visible message has waited, at most. */
  'queueAge',
  /** Messages that SQS dropped after an hour. */
  'messagesExpired',
  /** Consumers at work, on average. */
  'consumersBusy',
  /** Seconds of validity left when the sweep refreshed a warm connection. The least; `NaN` of none. */
  'leastValidity',
  'expiredWhenRefreshed',
  /** Writes that were tried on the circuit breaker's item, in the busiest second. */
  'breakerWrites',
  'breakerOpenSeconds',
  'warm',
  'idle',
  /** Seconds by which the slots that were queued last are late, at most. */
  'sweepLag',
] as const;

export type Measure = (typeof MEASURES)[number];
export type Minutes = Readonly<Record<Measure, Float64Array>>;
export type Measures = ReturnType<typeof measures>;

/** Counts by simulated minute. */
export function measures(count: number) {
  const minutes = Object.fromEntries(
    MEASURES.map((measure) => [measure, new Float64Array(count)]),
  ) as Record<Measure, Float64Array>;
  minutes.leastValidity.fill(Number.NaN);
  let minute = 0;
  return {
    minutes: minutes as Minutes,
    begin: (index: number) => {
      minute = index;
    },
    add: (measure: Measure, by = 1) => {
      minutes[measure][minute] = (minutes[measure][minute] as number) + by;
    },
    set: (measure: Measure, value: number) => {
      minutes[measure][minute] = value;
    },
    most: (measure: Measure, value: number) => {
      minutes[measure][minute] = Math.max(minutes[measure][minute] as number, value);
    },
    least: (measure: Measure, value: number) => {
      const known = minutes[measure][minute] as number;
      if (!(known <= value)) minutes[measure][minute] = value;
    },
  };
}
