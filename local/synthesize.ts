import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { OneClearLine } from './one-clear-line.ts';

/** The variable that tells the processes of `npm start -- --bundled` where the synthesized app is. */
export const ASSEMBLY = 'JOBBER_TOKENS_ASSEMBLY';

export interface Assembly {
  readonly folder: string;
  remove(): void;
}

/**
 * Runs `npm run synth` into a new folder. Outside of the project, whose `package.json` would make ES modules of
 * the code: on Lambda there is none.
 * @throws OneClearLine
 */
export async function synthesize(env = process.env): Promise<Assembly> {
  const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-assembly-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    await promisify(execFile)('npm', ['run', 'synth', '--', '--output', folder], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env,
      maxBuffer: Number.POSITIVE_INFINITY,
    });
  } catch {
    remove();
    throw new OneClearLine('The app cannot be synthesized. `npm run synth` says why.');
  }
  return { folder, remove };
}
