import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { OneClearLine } from './one-clear-line.ts';
import { readSettings, serve } from './serve.ts';
import { ASSEMBLY, synthesize } from './synthesize.ts';

/*
 * `npm start`: the whole system on this machine; `--demo`: a tour of it; `--bundled`: with the functions as they are
 * deployed.
 */

/** What an owner's own function may look like. */
const OWN = {
  'sync-clients': fileURLToPath(new URL('../examples/sync-clients.ts', import.meta.url)),
};

try {
  const { demo, bundled } = readArguments();
  const settings = demo ? undefined : readSettings();
  if (bundled && !process.env[ASSEMBLY]) await useAssembly();
  if (settings) {
    await serve({ ...settings, own: OWN, assembly: process.env[ASSEMBLY] });
  } else {
    const { runDemo } = await import('./demo.ts');
    process.exitCode = (await runDemo()) ? 0 : 1;
  }
} catch (error) {
  if (!(error instanceof OneClearLine)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

/** For this process and those that the demo starts. */
async function useAssembly(): Promise<void> {
  process.stdout.write('Synthesizing the app …\n');
  const { folder, remove } = await synthesize();
  process.once('exit', remove);
  process.env[ASSEMBLY] = folder;
}

function readArguments(): { demo: boolean; bundled: boolean } {
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({ options: { demo: flag, bundled: flag } }).values;
  } catch (error) {
    throw new OneClearLine(
      `${(error as Error).message.split('.')[0]}. Known: --demo and --bundled.`,
    );
  }
}
