import {
  GetSecretValueCommand,
  type GetSecretValueCommandInput,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { LRUCache } from 'lru-cache';
import { type Clock, type EpochMs, plus } from './clock.ts';

export interface SecretVersion {
  /** Secrets Manager's version id. */
  readonly id: string;
  readonly value: string;
  readonly createdAt: EpochMs;
}

export interface CachedSecret {
  /** The current version, as read within {@link FRESH_FOR}, or the last known if it cannot be read. */
  current(): Promise<SecretVersion>;
  /** The current version, read now. */
  reload(): Promise<SecretVersion>;
  /**
   * The version before the current one, `undefined` if there is none, or if it was replaced longer ago than `acceptedFor`
   * milliseconds.
   */
  previous(acceptedFor: number): Promise<SecretVersion | undefined>;
  /** A version by its id, `undefined` if it no longer exists. */
  find(id: string): Promise<SecretVersion | undefined>;
}

const FRESH_FOR = 5 * 60_000;
const RETRY_AFTER = 15_000;
const KEPT_VERSIONS = 16;

/** A secret, kept in memory; callers at once share one request. */
export function cachedSecret(
  client: SecretsManagerClient,
  secretId: string,
  clock: Clock,
): CachedSecret {
  const versions = new LRUCache<string, SecretVersion>({ max: KEPT_VERSIONS });
  let known: SecretVersion | undefined;
  let freshUntil = 0 as EpochMs;
  let pending: Promise<SecretVersion> | undefined;
  /** Of which current version it is the one before; asked for again at `until`. */
  let before:
    | { of: string; version: Promise<SecretVersion | undefined>; until?: EpochMs }
    | undefined;

  async function read(which: Which = {}): Promise<SecretVersion> {
    const { VersionId, SecretString, CreatedDate } = await client.send(
      new GetSecretValueCommand({ SecretId: secretId, ...which }),
    );
    if (!VersionId || !SecretString) throw new Error('The secret has no string value.');
    const createdAt = (CreatedDate?.getTime() ?? 0) as EpochMs;
    const version = { id: VersionId, value: SecretString, createdAt };
    versions.set(version.id, version);
    return version;
  }

  async function readIfExists(which: Which): Promise<SecretVersion | undefined> {
    try {
      return await read(which);
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  }

  /** Without it, the current version still serves: an error counts as none for a while. */
  function readPrevious(): Promise<SecretVersion | undefined> {
    return readIfExists({ VersionStage: 'AWSPREVIOUS' }).catch(() => {
      if (before) before.until = plus(clock.now(), RETRY_AFTER);
      return undefined;
    });
  }

  function reload(): Promise<SecretVersion> {
    pending ??= read()
      .then((version) => {
        known = version;
        freshUntil = plus(clock.now(), FRESH_FOR);
        return version;
      })
      .finally(() => {
        pending = undefined;
      });
    return pending;
  }

  async function current(): Promise<SecretVersion> {
    if (known && clock.now() < freshUntil) return known;
    try {
      return await reload();
    } catch (error) {
      if (!known) throw error;
      freshUntil = plus(clock.now(), RETRY_AFTER);
      return known;
    }
  }

  return {
    reload,
    current,
    async previous(acceptedFor) {
      const { id, createdAt } = await current();
      if (plus(createdAt, acceptedFor) < clock.now()) return undefined;
      const isStale = before?.of !== id || (before.until ?? Infinity) <= clock.now();
      if (isStale) before = { of: id, version: readPrevious() };
      return before?.version;
    },
    find: async (id) => versions.get(id) ?? readIfExists({ VersionId: id }),
  };
}

type Which = Pick<GetSecretValueCommandInput, 'VersionId' | 'VersionStage'>;
