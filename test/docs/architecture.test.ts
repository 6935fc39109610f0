import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const page = readFileSync('docs/architecture.md', 'utf8');

it('docs/architecture.md has a row for each folder of the repository, and of shared/', () => {
  const files = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).split('\n');
  const folders = files.flatMap(
    (file) => file.match(/^(shared\/\w+|(?!\.|shared\/)[\w-]+)\//)?.[1] ?? [],
  );
  expect(folders).toContain('shared/tokens');
  for (const folder of new Set(folders)) expect(page).toContain(`| \`${folder}/\` |`);
});

it.each([
  ['tokens', ['runtime']],
  ['runtime', []],
])('shared/%s imports only these rooms: %s', (room, allowed) => {
  const imported = globSync(`shared/${room}/*.ts`).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/from '\.\.\/([\w/.-]+?)\/[\w-]+\.ts'/g)].map(
      ([, name]) => name,
    ),
  );
  expect([...new Set(imported)]).toEqual(allowed);
});

const named = page.matchAll(/`((?:cli|functions|shared|infra|local|test|bench)\/[\w/-]+\.ts)`/g);

it.each([...named].map(([, file = '']) => file))(
  'docs/architecture.md names a file that exists: %s',
  (file) => {
    expect(globSync(file)).toEqual([file]);
  },
);
