import type { Measure } from './measures.ts';
import { type Scenario, type Summary, summary } from './scenarios.ts';
import type { Settings } from './settings.ts';
import { simulate } from './simulate.ts';

/** What the charts draw, a value for each minute. */
const DRAWN = [
  'refreshesBySweep',
  'refreshesByCallers',
  'callersWhoWaited',
  'callersWithoutToken',
  'queueVisible',
  'queueDelayed',
  'queueAge',
] as const satisfies readonly Measure[];

/** The result of one scenario, as it is kept. */
export interface Run extends Summary {
  readonly settings: Settings;
  readonly byMinute: Readonly<Record<(typeof DRAWN)[number], readonly number[]>>;
}

export function runOf(scenario: Scenario, slots: Uint32Array): Run {
  const { settings } = scenario;
  const { minutes } = simulate(slots, settings);
  const byMinute = Object.fromEntries(
    DRAWN.map((measure) => [measure, Array.from(minutes[measure])]),
  ) as Record<(typeof DRAWN)[number], number[]>;
  return { ...summary(scenario, minutes), settings, byMinute };
}
