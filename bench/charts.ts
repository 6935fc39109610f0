import { CLIENT_ALONE, LEAN_CLIENT_ALONE } from './cold-start.ts';
import type { Result } from './result.ts';
import { type Bars, barChart, lineChart } from './svg.ts';

const short = (value: number, digits = 0) =>
  value.toLocaleString('en', { maximumFractionDigits: digits });

/** The charts of `docs/performance.md`, as SVG by name. */
export function charts(result: Result): Record<string, string> {
  return {
    operations: operations(result),
    stampede: stampede(result),
    redemptions: redemptions(result),
    sweep: sweep(result),
    'cold-start': coldStart(result),
    cost: cost(result),
  };
}

function operations({ operations: here, operationsThere }: Result): string {
  const groups = [here, ...(operationsThere ? [operationsThere] : [])].flatMap((result) =>
    ['stored token', 'refresh by the sweep', 'refresh on demand'].map(
      (operation): Bars => ({
        title: operationsThere ? `${operation}, on ${result.store}` : operation,
        bars: result.operations
          .filter((each) => each.operation === operation)
          .map(({ design, ofRaw, ms, consumed }) => ({
            label: design,
            value: ofRaw.median,
            spread: ofRaw,
            text: `${ofRaw.median.toFixed(2)} × · ${ms.median.toFixed(1)} ms · ${consumed.calls} call${consumed.calls > 1 ? 's' : ''}`,
            ours: design === 'jobber-tokens',
          })),
      }),
    ),
  );
  return barChart({
    title: 'One operation, as a multiple of the bare calls',
    groups,
    mark: { value: 1.1, label: 'goal 1.10 ×' },
  });
}

function stampede({ stampede: { designs, raw, callers, processes, endpointMs } }: Result): string {
  return barChart({
    title: `${short(callers)} callers at once: ms until 99 % have a token`,
    groups: [
      {
        title: `in ${processes} processes; the token endpoint takes ${endpointMs} ms`,
        bars: designs.map(({ design, p99, errorsPerRound }) => ({
          label: design,
          value: p99.median,
          spread: p99,
          text:
            errorsPerRound.median > 0
              ? `${short(p99.median)}; ${short(errorsPerRound.median)} get none`
              : short(p99.median),
          ours: design === 'jobber-tokens',
        })),
      },
    ],
    mark: { value: raw.median + 150, label: `goal ${short(raw.median + 150)} ms` },
  });
}

function redemptions({ stampede: { designs } }: Result): string {
  return barChart({
    title: 'How often the refresh token is sent to Jobber',
    groups: [
      {
        title: 'in a stampede; it is good once',
        bars: designs.map(({ design, redemptions: sent, lost, rounds }) => ({
          label: design,
          value: sent.median,
          spread: sent,
          text: `${short(sent.median)}${lost > 0 ? `; lost ${lost} of ${rounds}` : ''}`,
          ours: design === 'jobber-tokens',
        })),
      },
    ],
  });
}

function sweep({ sweepAlone }: Result): string {
  return lineChart({
    title: 'The sweep, by the number of connections that it visits',
    x: sweepAlone.map(({ entries }) => entries.toLocaleString('en', { notation: 'compact' })),
    panels: [
      { title: 'seconds', values: sweepAlone.map(({ ms }) => ms / 1000), digits: 1 },
      {
        title: 'peak memory, MB',
        values: sweepAlone.map(({ peakMB }) => peakMB),
        digits: 0,
        mark: { value: 150, label: 'goal' },
      },
    ],
  });
}

function coldStart({ coldStart: all }: Result): string {
  return barChart({
    title: 'Cold start on this machine, ms',
    groups: (['load', 'firstAnswer'] as const).map((what) => ({
      title: what === 'load' ? 'loading the module' : 'until the first answer, loading included',
      bars: all.map((each) => ({
        label: each.name,
        value: each[what].median,
        spread: each[what],
        text: `${short(each[what].median)} · ${each[`${what}OfClient`].median.toFixed(2)} ×`,
        ours: each.name !== CLIENT_ALONE && each.name !== LEAN_CLIENT_ALONE,
      })),
    })),
  });
}

function cost({ cost: { designs } }: Result): string {
  const ofMillion = designs.filter(({ connections }) => connections === 1e6);
  const uses = [...new Set(ofMillion.map(({ inUse }) => inUse))];
  return barChart({
    title: 'US dollars a month for a million connections',
    groups: uses.map((inUse) => ({
      title: `${short(100 * inUse)} % in use`,
      bars: ofMillion
        .filter((each) => each.inUse === inUse && each.design !== 'a secret per connection')
        .map(({ design, total }) => ({
          label: design,
          value: total,
          text: short(total),
          ours: design === 'jobber-tokens',
        })),
    })),
  });
}
