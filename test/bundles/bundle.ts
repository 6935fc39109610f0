import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type FunctionName, functions } from '../../functions/manifest.ts';
import { bundling } from '../../infra/bundling.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Bundle {
  readonly file: string;
  readonly bytes: number;
  /** The modules that are in it, with at least a byte, by their paths from the project's root. */
  readonly modules: readonly string[];
}

export const functionNames = Object.keys(functions) as FunctionName[];

/**
 * Bundles a file, given from the project's root, as `NodejsFunction` does, which runs the command line of esbuild.
 * Without `lean` with all that the SDK brings, as anybody would.
 */
export async function bundle(entry: string, folder: string, lean = true): Promise<Bundle> {
  const { bundleAwsSDK, sourceMap, esbuildArgs, ...options } = bundling;
  const [replaced = '', by = ''] = esbuildArgs['--alias'].split('=');
  const file = `${folder}/index.js`;
  const { metafile } = await build({
    ...options,
    ...(lean && { alias: { [replaced]: by } }),
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    sourcemap: sourceMap,
    external: bundleAwsSDK ? [] : ['@aws-sdk/*', '@smithy/*'],
    outfile: file,
    metafile: true,
  });
  const output = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint === entry);
  if (!output) throw new Error(`esbuild made nothing of ${entry}.`);
  const inputs = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return { file, bytes: output.bytes, modules: inputs.map(([path]) => path) };
}

export const bundleFunction = (name: FunctionName, folder: string) =>
  bundle(`functions/${name}.ts`, `${folder}/${name}`);

/** Where each package is installed that a bundle holds something of. */
export function packages({ modules }: Bundle): string[] {
  const installed = modules.map((path) => /^(.*\/)?node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  return [...new Set(installed.filter((path) => path !== undefined))];
}
