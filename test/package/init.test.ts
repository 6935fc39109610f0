import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionNames } from '../../build/bundle.ts';
import { type PackedPackage, packedPackage } from '../support/packed-package.ts';

const run = promisify(execFile);

describe('the app that `jobber-tokens init` writes', () => {
  let packed: PackedPackage;
  let folder: string;
  const inApp = (script: string, ...args: string[]) =>
    run(process.execPath, [join(packed.folder, 'node_modules', script), ...args], { cwd: folder });
  const init = (...args: string[]) =>
    run(
      process.execPath,
      [join(packed.folder, 'node_modules/jobber-tokens/dist/cli/main.js'), 'init', ...args],
      { cwd: packed.folder },
    );

  beforeAll(async () => {
    packed = await packedPackage();
    folder = join(packed.folder, 'my-own-app');
    await init('my-own-app');
  }, 120_000);
  afterAll(() => packed?.remove());

  it('has the name of its folder, and the version of jobber-tokens that wrote it', () => {
    const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
    const { name, dependencies, devDependencies } = read(join(folder, 'package.json'));
    expect(name).toBe('my-own-app');
    expect(dependencies).toEqual({ 'jobber-tokens': `^${read('package.json').version}` });
    // The versions that this repository is tested with.
    for (const [other, range] of Object.entries<string>(devDependencies)) {
      const { version } = read(join('node_modules', other, 'package.json'));
      expect(version.split('.')[0]).toBe(range.replace('^', '').split('.')[0]);
    }
    expect(readdirSync(folder)).toContain('.gitignore');
  });

  it('passes its own check', async () => {
    await inApp('typescript/bin/tsc');
  });

  it('passes its own test', async () => {
    const { stdout } = await inApp('vitest/vitest.mjs', 'run', '--no-color');
    expect(stdout).toMatch(/Tests {2}3 passed \(3\)/);
  });

  it('passes the test that docs/testing.md shows', async () => {
    const text = readFileSync('docs/testing.md', 'utf8');
    const [, example = ''] = /```ts\n(.*?)```/s.exec(text) ?? [];
    const test = example.replace('./account-name.ts', '../functions/account-name.ts');
    writeFileSync(join(folder, 'test/shown.test.ts'), test);
    const { stdout } = await inApp('vitest/vitest.mjs', 'run', '--no-color', 'shown');
    expect(stdout).toMatch(/Tests {2}1 passed \(1\)/);
  });

  it('synthesizes, with its own Lambda beside the functions of jobber-tokens', async () => {
    // As `npm install` leaves it; CDK finds the root of a project by it.
    writeFileSync(join(folder, 'package-lock.json'), '{}');
    const env = { ...process.env, CDK_OUTDIR: 'cdk.out' };
    await run(process.execPath, ['bin/app.ts'], { cwd: folder, env });
    const template = readFileSync(join(folder, 'cdk.out/MyJobberApp.template.json'), 'utf8');
    const resources: { Type: string; Properties: Record<string, never> }[] = Object.values(
      JSON.parse(template).Resources,
    );
    const functions = resources.filter(({ Type }) => Type === 'AWS::Lambda::Function');
    expect(functions.length).toBeGreaterThan(functionNames.length);
    const [own] = functions.filter((each) =>
      JSON.stringify(each.Properties).includes('JOBBER_TOKENS_GET_TOKEN_FUNCTION'),
    );
    expect(own?.Properties['Runtime']).toBe('nodejs24.x');
  }, 120_000);

  it('is written into an empty folder alone', async () => {
    await expect(init('my-own-app')).rejects.toMatchObject({
      code: 1,
      stderr: 'my-own-app is not empty. Nothing was written; name another folder.\n',
    });
    await expect(init('No Name')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot be the name of a package.*Nothing was written/),
    });
    await expect(init()).rejects.toMatchObject({ code: 2 });
    expect(readdirSync(packed.folder)).not.toContain('No Name');
  });
});
