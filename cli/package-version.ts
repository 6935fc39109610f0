import { readFileSync } from 'node:fs';

/** Of the package that this belongs to; its `package.json` is as far away in the sources as in `dist`. */
export const packageVersion = (): string =>
  JSON.parse(readFileSync(new URL(PACKAGE, import.meta.url), 'utf8')).version;

const PACKAGE = import.meta.url.includes('/dist/cli/') ? '../../package.json' : '../package.json';
