import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { OneClearLine } from '../../local/one-clear-line.ts';

/** What the local system needs besides this package; nobody else should have to install it. */
const NEEDED = { dynalite: '4', 'classic-level': '3', fauxqs: '2' };

export const startCommand = () =>
  new Command('start')
    .summary('run the whole system on this machine')
    .description(
      'Runs jobber-tokens on this machine: its functions, a table, queues, and a simulated Jobber, or Jobber itself if ' +
        'JOBBER_CLIENT_ID and JOBBER_CLIENT_SECRET are set. PORT (3000) and the two ports after it are used. ' +
        'The connections are kept in .local, or in JOBBER_TOKENS_FOLDER.',
    )
    .option(
      '--function <name=file>',
      'a function of your own that runs beside them, such as sync=./src/sync.ts; may be repeated',
      addFunction,
      {},
    )
    .action(start);

function addFunction(given: string, earlier: Record<string, string>): Record<string, string> {
  const [, name, file] = /^([\w-]+)=(.+)$/.exec(given) ?? [];
  if (name === undefined || file === undefined) {
    throw new InvalidArgumentError('It is a name and a file, such as sync=./src/sync.ts.');
  }
  if (!existsSync(file)) throw new InvalidArgumentError(`There is no file ${file}.`);
  return { ...earlier, [name]: file };
}

/** @throws OneClearLine */
async function start({ function: own }: { function: Record<string, string> }): Promise<void> {
  const { readSettings, serve } = await import('../../local/serve.ts');
  const settings = readSettings();
  await serve({ ...settings, own }).catch((error: NodeJS.ErrnoException) => {
    throw isMissing(error) ? new OneClearLine(HOW_TO_INSTALL) : error;
  });
}

const isMissing = ({ code, message }: NodeJS.ErrnoException) =>
  code === 'ERR_MODULE_NOT_FOUND' &&
  Object.keys(NEEDED).some((name) => message.includes(`'${name}'`));

const HOW_TO_INSTALL = `The local system needs what the package does not bring: npm install --save-dev ${Object.entries(
  NEEDED,
)
  .map(([name, version]) => `${name}@${version}`)
  .join(' ')}`;
