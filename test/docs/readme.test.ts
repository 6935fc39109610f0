import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type FunctionName, functions, READ_BY_ALL } from '../../functions/manifest.ts';

const names = Object.keys(functions) as FunctionName[];
const rows = [
  ...readFileSync(new URL('../../README.md', import.meta.url), 'utf8').matchAll(
    /^\| `([A-Z_]+)` \| (.+?) \|/gm,
  ),
].map(([, variable = '', by = '']) => [variable, by] as const);

/** The functions that a cell names, as `a`, `b` or as all but `a`, `b`. */
function usersIn(cell: string): FunctionName[] {
  const [ofFunctions = ''] = cell.split(';');
  const named = names.filter((name) => ofFunctions.includes(`\`${name}\``));
  return ofFunctions.startsWith('all') ? names.filter((name) => !named.includes(name)) : named;
}

describe('README.md', () => {
  it('has every variable of the functions', () => {
    const read = Object.values(functions).flatMap(({ reads }): readonly string[] => reads);
    const known = rows.map(([variable]) => variable);
    expect(known).toEqual(expect.arrayContaining([...new Set([...READ_BY_ALL, ...read])]));
  });

  it.each(rows)('%s is used by %s', (variable, cell) => {
    const users = names.filter((name) =>
      [...READ_BY_ALL, ...functions[name].reads].some((each) => each === variable),
    );
    expect(usersIn(cell)).toEqual(users);
  });
});
