import { execFileSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildFunctions } from './functions.ts';

/*
 * `npm run build`: what the package holds, in `dist`.
 *
 *   functions/  the prebuilt functions that the construct deploys
 *   esm/        the construct and the client as ES modules, with their types
 *   cjs/        the same as CommonJS, for jest and for Node 20 before 20.19, which cannot require an ES module
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const [esm, cjs] = [join(dist, 'esm'), join(dist, 'cjs')];

/** By their paths in `esm` and `cjs`. */
const ENTRIES = ['infra/index', 'shared/client/index', 'shared/client/connect-claim'];

/** Makes `dist` anew. */
export async function buildPackage(): Promise<void> {
  for (const folder of [esm, cjs]) rmSync(folder, { recursive: true, force: true });
  execFileSync(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '--project',
    join(root, 'tsconfig.build.json'),
  ]);
  await build({
    absWorkingDir: root,
    entryPoints: ENTRIES.map((entry) => `${entry}.ts`),
    outdir: cjs,
    outbase: root,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // jose is an ES module alone, so it is part of what CommonJS loads.
    external: ['aws-cdk-lib', 'constructs', '@aws-sdk/client-lambda', 'graphql', 'lru-cache'],
    define: { 'import.meta.dirname': '__dirname' },
  });
  cpSync(esm, cjs, { recursive: true, filter: (path) => !path.endsWith('.js') });
  writeFileSync(join(cjs, 'package.json'), '{ "type": "commonjs" }\n');
  await buildFunctions();
}

if (import.meta.main) await buildPackage();
