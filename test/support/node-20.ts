import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A Node 20 on the PATH of this machine, the oldest that the package supports; `undefined` if there is none. */
export const node20: string | undefined = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'node'))
  .find(
    (file) => existsSync(file) && execFileSync(file, ['--version']).toString().startsWith('v20.'),
  );
