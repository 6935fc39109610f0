import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The folder of the prebuilt functions, `dist/functions` beside the package's `package.json`, whether this runs from the
 * sources or from what was built of them.
 */
export function functionsFolder(from = import.meta.dirname): string {
  if (existsSync(join(from, 'package.json')) && !from.endsWith('cjs')) {
    return join(from, 'dist', 'functions');
  }
  return functionsFolder(dirname(from));
}
