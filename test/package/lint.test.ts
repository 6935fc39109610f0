import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installed, type PackedPackage, packedPackage } from '../support/packed-package.ts';

const run = promisify(execFile);

describe('the tarball', () => {
  let packed: PackedPackage;
  let tarball: string;
  beforeAll(async () => {
    packed = await packedPackage();
    const name = readdirSync(packed.folder).find((file) => file.endsWith('.tgz')) ?? '';
    tarball = join(packed.folder, name);
  }, 120_000);
  afterAll(() => packed?.remove());
  const bin = (script: string, ...args: string[]) =>
    run(process.execPath, [installed(script), ...args]).catch(({ stdout, stderr }) => ({
      stdout: `${stdout}${stderr}`,
    }));

  it('has no problem that publint knows', async () => {
    expect((await bin('publint/src/cli.js', tarball, '--strict')).stdout).toContain('All good!');
  });

  it('has types in every way of resolving modules', async () => {
    const { stdout } = await bin('@arethetypeswrong/cli/dist/index.js', tarball, '--no-emoji');
    expect(stdout).toContain('No problems found');
    expect(stdout).not.toMatch(/failed/i);
  });
});
