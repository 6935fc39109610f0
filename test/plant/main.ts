import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bugs, type PlantedBug } from './bugs.ts';

/*
 * `npm run plant`: plants each bug of `bugs.ts` in a copy of this folder, and runs the tests that must convict it. Exit code 1
 * if they do not notice one. `npm run plant -- WORDS` plants those bugs alone whose sentence has the words.
 */

const ROOT = join(import.meta.dirname, '..', '..');
const COPIED = [
  'build',
  'infra',
  'shared',
  'functions',
  'local',
  'test',
  'package.json',
  'tsconfig.build.json',
  'tsconfig.json',
  'vitest.config.ts',
];

const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-plant-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const each of COPIED) cpSync(join(ROOT, each), join(folder, each), { recursive: true });
symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));

let unnoticed = 0;
const only = process.argv[2] ?? '';
for (const planted of bugs.filter(({ bug }) => bug.includes(only))) {
  const isNoticed = await convicts(planted);
  if (!isNoticed) unnoticed++;
  say(`${isNoticed ? 'convicted ' : 'UNNOTICED '} ${planted.bug}`);
}
say(`plant: ${bugs.length} bugs, ${unnoticed} unnoticed`);
process.exitCode = unnoticed === 0 ? 0 : 1;

async function convicts({ file, code, planted, convictedBy }: PlantedBug): Promise<boolean> {
  const path = join(folder, 'shared', 'tokens', file);
  const original = readFileSync(path, 'utf8');
  if (original.split(code).length !== 2) throw new Error(`${file} does not have once: ${code}`);
  writeFileSync(
    path,
    original.replace(code, () => planted),
  );
  try {
    return !(await passes(convictedBy.map((test) => join('test', test))));
  } finally {
    writeFileSync(path, original);
  }
}

/** A test that fails is evidence; a test that cannot run is not. */
function passes(tests: readonly string[]): Promise<boolean> {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [vitest, 'run', '--testTimeout', '15000', ...tests],
      { cwd: folder, env: { ...process.env, NO_COLOR: '1' }, maxBuffer: 64 * 1024 * 1024 },
      (error, output) => {
        const ran = /^\s+Tests\s+.*\d+ (passed|failed)/m.test(output);
        if (!ran) reject(new Error(`The tests did not run: ${output.slice(-2_000)}`));
        else resolve(error === null);
      },
    );
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
