import { join } from 'node:path';

/** Where this is, if it was built: `dist/esm/infra` or `dist/cjs/infra`. */
const BUILT = /[\\/]dist[\\/](?:esm|cjs)[\\/]infra$/;

/** The folder of the prebuilt functions, whether this runs from the sources or from what was built of them. */
export function functionsFolder(): string {
  const here = import.meta.dirname;
  const dist = BUILT.test(here) ? join(here, '../..') : join(here, '../dist');
  return join(dist, 'functions');
}
