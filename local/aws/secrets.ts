import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { OneClearLine } from '../one-clear-line.ts';

export const APP_SECRET = 'jobber-app';
export const SEALING_SECRET = 'jobber-tokens-sealing';
export const SIGNING_SECRET = 'jobber-tokens-signing';

interface Version {
  readonly id: string;
  readonly value: string;
  /** Milliseconds since the Unix epoch. */
  readonly createdAt?: number;
}

/** The secrets of the local system: the app's, given at the start, the sealing key, kept in a file, and a new signing key. */
export interface LocalSecrets {
  /** A version of a secret, the newest without an id. */
  find(secret: string, versionId?: string): Version | undefined;
  /** The version before the newest. */
  previous(secret: string): Version | undefined;
  /** Adds a version, which becomes the current one. */
  put(secret: string, value: string): void;
}

export function localSecrets(
  file: string,
  app: { clientId: string; clientSecret: string },
): LocalSecrets {
  const sealing = readVersions(file);
  const secrets: Record<string, Version[]> = { [SEALING_SECRET]: sealing };
  const put = (secret: string, value: string) => {
    secrets[secret] = [
      ...(secrets[secret] ?? []),
      { id: randomUUID(), value, createdAt: Date.now() },
    ];
    if (secret !== SEALING_SECRET) return;
    writeFileSync(`${file}.new`, JSON.stringify(secrets[secret]), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  put(APP_SECRET, JSON.stringify(app));
  put(SIGNING_SECRET, randomBytes(32).toString('base64url'));
  if (sealing.length === 0) put(SEALING_SECRET, randomBytes(32).toString('base64url'));
  return {
    put,
    find: (secret, versionId) =>
      versionId === undefined
        ? secrets[secret]?.at(-1)
        : secrets[secret]?.find(({ id }) => id === versionId),
    previous: (secret) => secrets[secret]?.at(-2),
  };
}

function readVersions(file: string): Version[] {
  try {
    const versions: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (Array.isArray(versions) && versions.every(isVersion)) return versions;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
  }
  throw new OneClearLine(`The file ${file} is damaged. Delete its folder to start afresh.`);
}

const isVersion = (value: unknown): value is Version => {
  const { id, value: secret } = Object(value) as Record<string, unknown>;
  return typeof id === 'string' && typeof secret === 'string';
};
