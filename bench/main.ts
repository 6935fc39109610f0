import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { charts } from './charts.ts';
import { report } from './report.ts';
import { FULL, measureAll, type Result, SHORT } from './result.ts';
import { startServices } from './services.ts';

/* `npm run bench`: how far jobber-tokens is from the physical limit, and from what people would use instead. */

const HELP = `npm run bench -- [--short] [--json FILE] [--charts FOLDER] [--from FILE]

  --short          a few seconds of each, to see that it works; its numbers say nothing
  --json FILE      the numbers, for a machine
  --charts FOLDER  the charts of docs/performance.md, as SVG
  --from FILE      no measurement: the report and charts of numbers from --json
`;

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    json: { type: 'string' },
    charts: { type: 'string' },
    from: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit();
}

const result = values.from
  ? (JSON.parse(readFileSync(values.from, 'utf8')) as Result)
  : await measure();
if (values.json) writeFileSync(values.json, `${JSON.stringify(result, rounded, 2)}\n`);
if (values.charts) {
  mkdirSync(values.charts, { recursive: true });
  for (const [name, svg] of Object.entries(charts(result))) {
    writeFileSync(join(values.charts, `${name}.svg`), svg);
  }
}
process.stdout.write(
  `${report(result)}\n${result.seconds} s, ${result.cpus} cores, Node ${result.node}\n`,
);

async function measure(): Promise<Result> {
  // Of the emulators; the clients of the processes are told the same.
  Object.assign(process.env, {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  });
  const services = await startServices();
  try {
    return await measureAll(services, values.short ? SHORT : FULL, (what) =>
      process.stderr.write(`${what} …\n`),
    );
  } finally {
    await services.stop();
  }
}

/** More digits than four say nothing. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(4))
    : value;
}
