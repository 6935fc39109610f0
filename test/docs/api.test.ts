import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { apiReference } from '../../build/api.ts';

const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');

it('docs/api.md is what `npm run api` makes of the docstrings', () => {
  expect(page).toBe(apiReference());
});

it('docs/api.md has each entry of the package, and what it exports', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const path of Object.keys(manifest.exports)) {
    if (path !== './package.json') expect(page).toContain(`## jobber-tokens${path.slice(1)}\n`);
  }
  for (const name of ['JobberTokens', 'jobberQuery', 'QueryOptions', 'verifyConnectClaim']) {
    expect(page).toContain(`### ${name}\n`);
  }
});
