import { timeChart } from '../svg.ts';
import type { Run } from './run.ts';

/** The charts of *Ten million connections, simulated*, as SVG by name. Without their scenarios, none. */
export function charts(runs: readonly Run[]): Record<string, string> {
  const of = (name: string) => runs.find((run) => run.name === name);
  const asBuilt = of('outage, 100 % in use');
  const proposed = of('outage, 100 % in use, proposed');
  const atOnce = of('all connected in one second');
  return {
    ...(asBuilt && proposed && { outage: outage(asBuilt, proposed) }),
    ...(atOnce && { spread: spread(atOnce) }),
  };
}

/** From half an hour before the outage. */
const BEFORE = 30;

function outage(asBuilt: Run, proposed: Run): string {
  const { from = 0, to = 0 } = asBuilt.settings.outage ?? {};
  const first = from / 60 - BEFORE;
  const values = (run: Run, measure: keyof Run['byMinute'], by: number) =>
    run.byMinute[measure].slice(first).map((value) => value / by);
  const panel = (title: string, measure: keyof Run['byMinute'], by: number) => ({
    title,
    lines: [
      { style: 'other' as const, values: values(asBuilt, measure, by) },
      { style: 'line' as const, values: values(proposed, measure, by) },
    ],
  });
  return timeChart({
    title: `Two hours without Jobber, ${millions(asBuilt)} connections`,
    legend: { other: 'as built', line: 'with the two changes' },
    hours: (asBuilt.settings.minutes - first) / 60,
    shade: { from: BEFORE / 60, to: (to - from) / 3_600 + BEFORE / 60, label: 'Jobber is down' },
    panels: [
      panel('refreshes a second by the sweep', 'refreshesBySweep', 60),
      panel('refreshes a second by callers', 'refreshesByCallers', 60),
      panel('callers a second who get no token', 'callersWithoutToken', 60),
      panel('minutes that the oldest visible message has waited', 'queueAge', 60),
    ],
  });
}

function spread(atOnce: Run): string {
  const { byMinute, settings } = atOnce;
  return timeChart({
    title: `${millions(atOnce)} connections made in one second`,
    legend: {},
    hours: settings.minutes / 60,
    panels: [
      {
        title: 'refreshes a second at Jobber',
        lines: [{ style: 'line', values: byMinute.refreshesBySweep.map((value) => value / 60) }],
      },
    ],
  });
}

const millions = ({ connections }: Run) => `${connections / 1_000_000} million`;
