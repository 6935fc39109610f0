import { existsSync, linkSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/*
 * Runs after `npm ci`, on any Node. The packages of all platforms link Node to the same name, and npm 10 removes that link
 * together with the packages that it skips. This script makes the link again.
 */

const isWindows = process.platform === 'win32';
const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`;
const file = isWindows ? 'node.exe' : 'node';
const modules = fileURLToPath(new URL('../node_modules/', import.meta.url));
const link = `${modules}.bin/${file}`;

if (existsSync(`${modules}${name}/bin/${file}`) && existsSync(`${modules}.bin`)) {
  rmSync(link, { force: true });
  // Windows lets only administrators make symbolic links.
  if (isWindows) linkSync(`${modules}${name}/bin/${file}`, link);
  else symlinkSync(`../${name}/bin/${file}`, link);
}
