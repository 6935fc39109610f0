import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { DESIGNS, type Design } from './designs.ts';
import { makePlan } from './plan.ts';
import { lastLine, objections, table } from './report.ts';
import { type Result, type RunOptions, run } from './run.ts';

/*
 * npm run chaos -- [--seconds 60] [--seed 1] [--accounts 20] [--processes 4] [--speed 10] [--calm]
 *                  [--outage 0] [--brownout 0 | --late 0 | --refusals 0]
 *                  [--design ours|naive|conditional-write-only|all]
 *
 * `--speed` is how much faster the system's clock runs. In the middle of the run, for so many seconds of that clock,
 * `--outage` takes the table away; `--brownout` has Jobber redeem and then answer up to 100 s late, break the connection
 * or say 504; `--late` has it answer up to 100 s late; `--refusals` has it refuse live tokens. With `--calm`, which the
 * last two imply, nothing else goes wrong.
 *
 * Exit code 1 if a connection was lost silently or wrongly recorded; in a brownout, beyond those in flight and the
 * probes; when calm, at all; with `all`, too, if another design was not found out.
 */

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    accounts: { type: 'string', default: '20' },
    processes: { type: 'string', default: '4' },
    speed: { type: 'string', default: '10' },
    outage: { type: 'string', default: '0' },
    brownout: { type: 'string', default: '0' },
    late: { type: 'string', default: '0' },
    refusals: { type: 'string', default: '0' },
    calm: { type: 'boolean', default: false },
    design: { type: 'string', default: 'ours' },
  },
});

const designs = values.design === 'all' ? DESIGNS : [values.design as Design];
const unknown = designs.find((design) => !DESIGNS.includes(design));
const numbers = {
  seconds: Number(values.seconds),
  seed: Number(values.seed),
  accounts: Number(values.accounts),
  processes: Number(values.processes),
  speed: Number(values.speed),
  outage: Number(values.outage),
  brownout: Number(values.brownout),
  late: Number(values.late),
  refusals: Number(values.refusals),
};
const { late, refusals } = numbers;
const calm = values.calm || late > 0 || refusals > 0;
const options: Omit<RunOptions, 'design'> = { ...numbers, calm };
const MAY_BE_ZERO = ['seed', 'outage', 'brownout', 'late', 'refusals'];
const wrong = Object.entries(numbers).find(([name, value]) =>
  MAY_BE_ZERO.includes(name) ? !(value >= 0) : !(value > 0),
);
if (unknown || wrong) {
  say(wrong ? `--${wrong[0]} must be a number.` : `--design is one of ${DESIGNS.join(', ')}, all.`);
  process.exit(2);
}

if (Math.max(numbers.brownout, late, refusals) / numbers.speed > numbers.seconds / 2) {
  say('A bad time begins in the middle of the run: it must not last longer than the half of it.');
  process.exit(2);
}

// Everything ends with this process, whatever happens to it.
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
const MARGIN_S = 1_200;
setTimeout(
  () => {
    say('chaos: did not end');
    process.exit(1);
  },
  designs.length * (options.seconds + MARGIN_S) * 1000,
).unref();

const { seconds, seed, accounts, processes, speed } = options;
const plan = makePlan(options);
const digest = createHash('sha256').update(JSON.stringify(plan)).digest('hex').slice(0, 8);
const minutes = ((seconds * speed) / 60).toFixed(0);
const bad = (['outage', 'brownout', 'late', 'refusals'] as const).filter((name) => options[name]);
say(
  `chaos: seed ${seed}, ${seconds} s at ${speed} times the speed (${minutes} min for the system), ` +
    `${accounts} accounts, ${processes} processes` +
    `${bad.map((name) => `, ${name} for ${options[name]} of its seconds`).join('')}; ` +
    `plan ${digest}, ${plan.length} steps\n`,
);
const results: Result[] = [];
for (const design of designs) results.push(await run({ ...options, design }));
say(`${table(results)}\n`);
for (const result of results) say(lastLine(result));

const problems = results.flatMap((result) => {
  const found = objections(result);
  if (result.options.design === 'ours' || designs.length === 1) return found;
  return found.length > 0 ? [] : [`${result.options.design}: was not found out`];
});
say(problems.length === 0 ? 'chaos: OK' : `chaos: ${problems.join('\n  ')}`);
process.exit(problems.length === 0 ? 0 : 1);

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
