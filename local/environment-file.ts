import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The command by which a shell takes the variables over. */
export interface EnvironmentFile {
  readonly command: string;
  remove(): void;
}

/**
 * Writes the variables to a file that only its owner can read, as it holds the credentials of this start.
 */
export function environmentFile(
  folder: string,
  variables: Readonly<Record<string, string>>,
): EnvironmentFile {
  const file = join(folder, 'env');
  const remove = () => rmSync(file, { force: true });
  const exports = Object.entries(variables).map(
    ([name, value]) => `export ${name}=${quoted(value)}`,
  );
  // A file that is written over would keep its mode.
  remove();
  // A profile would come before the keys.
  writeFileSync(file, ['unset AWS_PROFILE', ...exports, ''].join('\n'), { mode: 0o600 });
  return { command: `. ${quoted(file)}`, remove };
}

const quoted = (text: string) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
