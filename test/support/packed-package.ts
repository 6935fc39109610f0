import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const root = new URL('../..', import.meta.url).pathname;
const run = promisify(execFile);

/** Packages that hold a tsc. */
export type Compiler = 'typescript' | 'typescript-5';

/** What this repository has installed, and the tools of `npm run packed`. */
const INSTALLED = ['node_modules', 'test/package/tools/node_modules'].map((path) =>
  join(root, path),
);

/** Where a package is. */
export const installed = (name: string): string =>
  INSTALLED.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? name;

export interface PackedPackage {
  readonly folder: string;
  readonly files: readonly string[];
  /** Of the tarball. */
  readonly bytes: number;
  /**
   * Checks files of the folder's as a strict project does.
   * @param filesAndOptions paths from the folder, and further options of tsc
   * @returns what tsc says
   */
  check(...filesAndOptions: string[]): Promise<string>;
  /** The same with another major version of TypeScript. */
  checkWith(compiler: Compiler, ...filesAndOptions: string[]): Promise<string>;
  /** @returns the path of the bundle */
  bundle(name: string): Promise<string>;
  remove(): void;
}

/**
 * A project that has installed what `npm pack` makes; the dependencies are the ones of this repository.
 * @param others packages of this repository that are installed under another name: `{ constructs: 'constructs-lowest' }`.
 *   Node and tsc then have to keep symbolic links, since behind the links a package finds its usual neighbours.
 */
export async function packedPackage(
  others: Readonly<Record<string, string>> = {},
): Promise<PackedPackage> {
  const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-packed-'));
  const { stdout } = await run(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
    {
      cwd: root,
    },
  );
  const packed: unknown = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
  const [{ filename, files, size }] = Object.values(packed as object) as [
    { filename: string; files: { path: string }[]; size: number },
  ];
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'jobber-tokens'), { recursive: true });
  const unpack = ['-xzf', join(folder, filename), '--strip-components=1'];
  await run('tar', [...unpack, '-C', join(modules, 'jobber-tokens')]);
  const names = new Set(INSTALLED.filter(existsSync).flatMap((folder) => readdirSync(folder)));
  for (const name of names) {
    if (name.startsWith('.') && name !== '.bin') continue;
    symlinkSync(installed(others[name] ?? name), join(modules, name));
  }
  async function checkWith(compiler: Compiler, ...filesAndOptions: string[]): Promise<string> {
    const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext'];
    const tsc = join(root, 'node_modules', compiler, 'bin/tsc');
    const types = ['--types', 'node', '--skipLibCheck', '--preserveSymlinks'];
    return run(process.execPath, [tsc, ...options, ...types, ...filesAndOptions], {
      cwd: folder,
    }).then(
      () => '',
      ({ stdout }) => stdout,
    );
  }
  return {
    folder,
    files: files.map(({ path }) => path),
    bytes: size,
    check: (...names) => checkWith('typescript', ...names),
    checkWith,
    async bundle(name) {
      const outfile = join(folder, name.replace(/\.ts$/, '.mjs'));
      await build({
        entryPoints: [join(folder, name)],
        outfile,
        bundle: true,
        platform: 'node',
        format: 'esm',
        mainFields: ['module', 'main'],
        external: ['@aws-sdk/client-lambda'],
        logLevel: 'silent',
      });
      return outfile;
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
