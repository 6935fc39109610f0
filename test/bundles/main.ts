import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bundle, bundle, bundleFunction, functionNames } from '../../build/bundle.ts';
import type { FunctionName } from '../../functions/manifest.ts';
import { budgets } from './budgets.ts';
import { loadTimes } from './load-time.ts';

/* `npm run bundle`: what each function weighs, and how long Node takes to load it, which every cold start pays. */

const RUNS = 11;

const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-bundles-'));
const bundles = new Map<string, Bundle>();
try {
  const client = 'test/bundles/dynamodb-client-alone.ts';
  bundles.set('(the DynamoDB client alone)', await bundle(client, `${folder}/client`, false));
  for (const name of functionNames) bundles.set(name, await bundleFunction(name, folder));
  const times = await loadTimes(
    [...bundles.values()].map(({ file }) => file),
    RUNS,
  );

  row('bundle', 'KB', 'of its budget', 'load, ms');
  for (const [index, [name, { bytes }]] of [...bundles].entries()) {
    const budget = Object.hasOwn(budgets, name) ? budgets[name as FunctionName] : undefined;
    const share = budget === undefined ? '' : `${Math.ceil((100 * bytes) / budget)} %`;
    row(name, (bytes / 1000).toFixed(0), share, times[index]?.toFixed(0) ?? '');
  }
  process.stdout.write(
    `\nThe load is the median of ${RUNS} fresh processes of Node ${process.version} on this machine.\n`,
  );
} finally {
  rmSync(folder, { recursive: true });
}

function row(name: string, ...cells: string[]): void {
  process.stdout.write(`${name.padEnd(28)}${cells.map((cell) => cell.padStart(15)).join('')}\n`);
}
