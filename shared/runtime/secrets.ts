import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { LRUCache } from 'lru-cache';
import { type Clock, type EpochMs, later } from './clock.ts';

export interface SecretVersion {
  /** Secrets Manager's version id. */
  readonly id: string;
  readonly value: string;
}

export interface CachedSecret {
  /** The current version, as read within {@link FRESH_FOR}, or the last known if it cannot be read. */
  current(): Promise<SecretVersion>;
  /** The current version, read now. */
  reload(): Promise<SecretVersion>;
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

  async function read(versionId?: string): Promise<SecretVersion> {
    const { VersionId, SecretString } = await client.send(
      new GetSecretValueCommand({ SecretId: secretId, VersionId: versionId }),
    );
    if (!VersionId || !SecretString) throw new Error('The secret has no string value.');
    const version = { id: VersionId, value: SecretString };
    versions.set(version.id, version);
    return version;
  }

  function reload(): Promise<SecretVersion> {
    pending ??= read()
      .then((version) => {
        known = version;
        freshUntil = later(clock.now(), FRESH_FOR);
        return version;
      })
      .finally(() => {
        pending = undefined;
      });
    return pending;
  }

  return {
    reload,
    async current() {
      if (known && clock.now() < freshUntil) return known;
      try {
        return await reload();
      } catch (error) {
        if (!known) throw error;
        freshUntil = later(clock.now(), RETRY_AFTER);
        return known;
      }
    },
    async find(id) {
      const version = versions.get(id);
      if (version) return version;
      try {
        return await read(id);
      } catch (error) {
        if (error instanceof ResourceNotFoundException) return undefined;
        throw error;
      }
    },
  };
}
