import { Command, CommanderError } from 'commander';
import { OneClearLine } from '../local/one-clear-line.ts';
import { initCommand } from './commands/init.ts';
import { startCommand } from './commands/start.ts';
import { packageVersion } from './package-version.ts';

/* `jobber-tokens`, the command line. Exit codes: 0 done, 1 not done, 2 wrongly called. */

const program = new Command('jobber-tokens')
  .description('Keeps the Jobber connections of an app alive.')
  .version(packageVersion(), '-v, --version')
  .addCommand(initCommand())
  .addCommand(startCommand())
  .showHelpAfterError('(jobber-tokens --help lists the commands)');
for (const each of [program, ...program.commands]) each.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  // It has been printed.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof OneClearLine)) throw error;
  process.stderr.write(`${error.message}\n`);
  return 1;
}
