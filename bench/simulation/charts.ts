import { timeChart } from '../svg.ts';
import type { Run } from './run.ts';

/** The charts of *Ten million connections, simulated*, as SVG by name. Without their scenarios, none. */
export function charts(runs: readonly Run[]): Record<string, string> {
  const of = (name: string) => runs.find((run) => run.name === name);
  const all = of('outage, 100 % in use');
  const few = of('outage, 3 % in use');
  const atOnce = of('all connected in one second');
  return {
    ...(all && few && { outage: outage(all, few) }),
    ...(atOnce && { spread: spread(atOnce) }),
  };
}

/** From half an hour before the outage. */
const BEFORE = 30;

function outage(all: Run, few: Run): string {
  const { from = 0, to = 0 } = all.settings.outage ?? {};
  const first = from / 60 - BEFORE;
  const values = (run: Run, measure: keyof Run['byMinute'], by: number) =>
    run.byMinute[measure].slice(first).map((value) => value / by);
  const panel = (title: string, measure: keyof Run['byMinute'], by: number) => ({
    title,
    lines: [
      { style: 'other' as const, values: values(all, measure, by) },
      { style: 'line' as const, values: values(few, measure, by) },
    ],
  });
  return timeChart({
    title: `Two hours without Jobber, ${millions(all)} connections`,
    legend: { other: 'all in use', line: '3 % in use' },
    hours: (all.settings.minutes - first) / 60,
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
