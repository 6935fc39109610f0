import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { charts } from './charts.ts';
import { countSlots } from './fleet.ts';
import { report } from './report.ts';
import { type Run, runOf } from './run.ts';
import { scenarios } from './scenarios.ts';

/* `npm run simulate`: what the sweep does with ten million connections, and what an outage of Jobber does to it. */

const HELP = `npm run simulate -- [--connections N] [--seed N] [--only TEXT] [--json FILE] [--charts FOLDER] [--from FILE …]

  --connections N  of the fleet (10,000,000); scenarios called small have a tenth of it
  --seed N         another course of chance (1)
  --only TEXT      only the scenarios whose name matches this regular expression
  --json FILE      the numbers, for a machine
  --charts FOLDER  the charts of docs/performance.md, as SVG
  --from FILE      no simulation: the report and charts of numbers from --json; may be repeated

The whole of it takes about half an hour and 2 GB.
`;

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    charts: { type: 'string' },
    from: { type: 'string', multiple: true },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit();
}

const runs = values.from
  ? values.from.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as Run[])
  : simulateAll();
if (values.json) {
  // A line for each scenario.
  const lines = runs.map((run) => JSON.stringify(run, rounded));
  writeFileSync(values.json, `[\n${lines.join(',\n')}\n]\n`);
}
if (values.charts) {
  mkdirSync(values.charts, { recursive: true });
  for (const [name, svg] of Object.entries(charts(runs))) {
    writeFileSync(join(values.charts, `${name}.svg`), svg);
  }
}
process.stdout.write(`${report(runs)}\n`);

function simulateAll(): Run[] {
  const only = new RegExp(values.only);
  const wanted = scenarios(Number(values.connections), Number(values.seed)).filter(({ name }) =>
    only.test(name),
  );
  const slots = new Map<number, Uint32Array>();
  return wanted.map((scenario) => {
    process.stderr.write(`${scenario.name} …\n`);
    const { connections } = scenario.settings;
    const counted = slots.get(connections) ?? countSlots(connections);
    slots.set(connections, counted);
    return runOf(scenario, counted);
  });
}

/** More digits than four say nothing. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(4))
    : value;
}
