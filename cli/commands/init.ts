import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { OneClearLine } from '../../local/one-clear-line.ts';
import { packageVersion } from '../package-version.ts';

/** Beside this file's folder in the sources, and beside the bundle in the package. */
const TEMPLATE = ['../template', './template']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path)) as string;

/** npm leaves a file `.gitignore` out of a package. */
const RENAMED = { gitignore: '.gitignore' };

export const initCommand = () =>
  new Command('init')
    .summary('write a small CDK app that uses jobber-tokens')
    .description(
      'Writes a CDK app into a new folder: a stack, one Lambda that calls Jobber, a test against the simulator. ' +
        'Nothing is installed and nothing is deployed.',
    )
    .argument('<folder>', 'a folder that is not there yet, or is empty')
    .action(init);

/** @throws OneClearLine if the folder holds something, or its name is no package's */
function init(given: string): void {
  const folder = resolve(given);
  const name = packageNameOf(folder);
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new OneClearLine(`${given} is not empty. Nothing was written; name another folder.`);
  }
  cpSync(TEMPLATE, folder, { recursive: true });
  for (const [from, to] of Object.entries(RENAMED))
    renameSync(join(folder, from), join(folder, to));
  for (const file of ['package.json', 'README.md']) {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8').replaceAll('my-jobber-app', name);
    writeFileSync(path, text.replace('^0.0.0', `^${packageVersion()}`));
  }
  process.stdout.write(`${given} holds a CDK app. Next:

  cd ${given}
  npm install
  npm test            # your Lambda, against a simulated Jobber
  npm run synth       # the stack, without deploying it

README.md says how to deploy it.
`);
}

function packageNameOf(folder: string): string {
  const name = basename(folder);
  if (/^[a-z0-9][a-z0-9._-]{0,99}$/.test(name)) return name;
  throw new OneClearLine(
    `'${name}' cannot be the name of a package: use lower-case letters, digits and hyphens. Nothing was written.`,
  );
}
