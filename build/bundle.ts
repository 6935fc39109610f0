import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { type FunctionName, functions } from '../functions/manifest.ts';

/* How esbuild makes one CommonJS file of a function, which is what a deployment runs. */

const root = fileURLToPath(new URL('..', import.meta.url));

/** Errors are told apart by literal names and codes, so minified class names do no harm. */
const options = {
  target: 'node24',
  minify: true,
  // The SDK's ES modules leave out what is not used: about half the size and load time of the default.
  mainFields: ['module', 'main'],
  // The SDK is bundled: the one tested, in one file, loads faster than the one in Lambda's runtime.
  bundle: true,
  platform: 'node',
  format: 'cjs',
  sourcemap: true,
  sourcesContent: false,
  absWorkingDir: root,
  metafile: true,
} satisfies BuildOptions;

/** A quarter less to load: sources of credentials that Lambda does not use. */
const LEAN = { '@aws-sdk/credential-provider-node': './shared/runtime/credentials.ts' };

export interface Bundle {
  readonly file: string;
  readonly bytes: number;
  /** The modules that are in it, with at least a byte, by their paths from the project's root. */
  readonly modules: readonly string[];
}

export const functionNames = Object.keys(functions) as FunctionName[];

/** Into a folder of its name. */
export const bundleFunction = (name: FunctionName, folder: string): Promise<Bundle> =>
  bundle(`functions/${name}.ts`, join(folder, name));

/**
 * Bundles a file, given from the project's root, with its source map.
 * @param isLean otherwise with all that the SDK brings, as anybody would
 */
export async function bundle(entry: string, folder: string, isLean = true): Promise<Bundle> {
  const file = join(folder, 'index.js');
  const { metafile, outputFiles } = await build({
    ...options,
    ...(isLean && { alias: LEAN }),
    entryPoints: [entry],
    outfile: file,
    write: false,
  });
  const output = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint === entry);
  if (!output) throw new Error(`esbuild made nothing of ${entry}.`);
  mkdirSync(folder, { recursive: true });
  for (const { path, contents } of outputFiles) replace(path, contents);
  const inputs = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return { file, bytes: output.bytes, modules: inputs.map(([path]) => path) };
}

/** At once and only if it is another: somebody may be reading it. */
function replace(file: string, contents: Uint8Array): void {
  if (existsSync(file) && readFileSync(file).equals(contents)) return;
  const next = `${file}.${process.pid}`;
  writeFileSync(next, contents);
  renameSync(next, file);
}
