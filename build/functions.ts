import { functionsFolder } from '../infra/functions-folder.ts';
import { bundleFunction, functionNames } from './bundle.ts';

/** Makes what `infra/` deploys: for each function a folder with its bundle and source map. */
export async function buildFunctions(): Promise<void> {
  await Promise.all(functionNames.map((name) => bundleFunction(name, functionsFolder())));
}

if (import.meta.main) await buildFunctions();
