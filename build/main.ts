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
 *   esm/        the construct, the client and the simulator as ES modules, with their types
 *   cjs/        the same as CommonJS, for jest and for Node 20 before 20.19, which cannot require an ES module
 *   cli/        the command line, in one file, and the app that `init` writes
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const [esm, cjs, cli] = [join(dist, 'esm'), join(dist, 'cjs'), join(dist, 'cli')];

/** By their paths in `esm` and `cjs`. */
const ENTRIES = [
  'infra/index',
  'shared/client/index',
  'shared/client/connect-claim',
  'local/jobber/index',
];

/** Makes `dist` anew. */
export async function buildPackage(): Promise<void> {
  for (const folder of [esm, cjs, cli]) rmSync(folder, { recursive: true, force: true });
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
  await buildCli();
  await buildFunctions();
  // The package is one of ES modules, and these are none.
  writeFileSync(join(dist, 'functions/package.json'), '{ "type": "commonjs" }\n');
}

async function buildCli(): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: { main: 'cli/main.ts', 'container-process': 'local/container-process.ts' },
    outdir: cli,
    // What a command does not need is not loaded for it.
    splitting: true,
    chunkNames: '[name]-[hash]',
    mainFields: ['module', 'main'],
    // Installed by those who start the local system.
    external: ['dynalite', 'classic-level', 'fauxqs'],
    minifyWhitespace: true,
    minifySyntax: true,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Some of what is bundled is CommonJS.
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
    },
  });
  cpSync(join(root, 'cli/template'), join(cli, 'template'), { recursive: true });
  for (const name of ['page.html', 'page.css', 'page.js']) {
    cpSync(join(root, 'local/page', name), join(cli, name));
  }
}

if (import.meta.main) await buildPackage();
