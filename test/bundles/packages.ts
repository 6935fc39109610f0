import type { Bundle } from '../../build/bundle.ts';

/** Where each package is installed that a bundle holds something of. */
export function packages({ modules }: Bundle): string[] {
  const installed = modules.map((path) => /^(.*\/)?node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  return [...new Set(installed.filter((path) => path !== undefined))];
}
