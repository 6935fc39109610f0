import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const { version } = JSON.parse(read('package.json'));

it('the lock file has the version of package.json, at its top and for the package', () => {
  const lock = JSON.parse(read('package-lock.json'));
  expect([lock.version, lock.packages[''].version]).toEqual([version, version]);
});

it('CHANGELOG.md begins with the version of package.json', () => {
  expect(read('CHANGELOG.md').match(/^## \[(.+)\]/m)?.[1]).toBe(version);
});

it.each(['docs/client.md', 'docs/deploying.md'])(
  '%s installs a file of the version of package.json',
  (page) => {
    expect(read(page).match(/jobber-tokens-(\d\S+)\.tgz/)?.[1]).toBe(version);
  },
);
