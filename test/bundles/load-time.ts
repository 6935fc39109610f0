import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Variable } from '../../shared/runtime/environment.ts';

const run = promisify(execFile);

/** Nothing answers there, and nothing is waited for. */
const NOWHERE = 'http://127.0.0.1:9';

const VARIABLES: Partial<Record<Variable, string>> = {
  TABLE_NAME: 'table',
  APP_SECRET_ID: 'app',
  SEALING_SECRET_ID: 'sealing',
  SIGNING_SECRET_ID: 'signing',
  REFRESH_QUEUE_URL: `${NOWHERE}/refresh`,
  ESCROW_QUEUE_URL: `${NOWHERE}/escrow`,
  EVENT_BUS_NAME: 'bus',
  PUBLIC_URL: 'https://example.com',
};
const env = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'nobody',
  AWS_SECRET_ACCESS_KEY: 'nothing',
  AWS_ENDPOINT_URL: NOWHERE,
  ...VARIABLES,
};

const SCRIPT = `
  const started = performance.now();
  require(process.argv[1]);
  process.stdout.write(String(performance.now() - started), () => process.exit());
`;

/**
 * How long a fresh Node takes to load each bundle, in milliseconds: the median of `runs`. They take turns, so that
 * whatever else the machine does slows all of them alike.
 */
export async function loadTimes(files: readonly string[], runs: number): Promise<number[]> {
  const times = files.map((): number[] => []);
  for (let turn = 0; turn < runs; turn++) {
    for (const [index, file] of files.entries()) times[index]?.push(await load(file));
  }
  return times.map((each) => each.sort((a, b) => a - b)[Math.floor(runs / 2)] ?? Number.NaN);
}

async function load(file: string): Promise<number> {
  const { stdout } = await run(process.execPath, ['-e', SCRIPT, file], { env });
  return Number(stdout);
}
