import {
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CachedSecret, cachedSecret } from '../../../shared/runtime/secrets.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

/* The cache alone: the requests themselves are tested through the local Secrets Manager. */
describe('a cached secret', () => {
  let clock: FakeClock;
  let requests: (string | undefined)[];
  let current: string;
  let created: number;
  let unreachable: boolean;
  let secret: CachedSecret;

  beforeEach(() => {
    clock = fakeClock();
    requests = [];
    current = 'v1';
    created = 0;
    unreachable = false;
    const client = {
      async send({ input }: { input: { VersionId?: string; VersionStage?: string } }) {
        requests.push(input.VersionId);
        if (unreachable) throw new Error('timed out');
        const VersionId = input.VersionId ?? (input.VersionStage ? `before ${current}` : current);
        if (VersionId === 'gone') {
          throw new ResourceNotFoundException({ message: '', $metadata: {} });
        }
        return {
          VersionId,
          SecretString: `value of ${VersionId}`,
          CreatedDate: new Date(created),
        };
      },
    };
    secret = cachedSecret(client as unknown as SecretsManagerClient, 'id', clock);
  });

  it('is read once for callers at once, and for five minutes', async () => {
    await Promise.all([secret.current(), secret.current(), secret.reload()]);
    clock.advance(5 * 60_000 - 1);
    expect(await secret.current()).toMatchObject({ id: 'v1', value: 'value of v1' });
    expect(requests).toHaveLength(1);
    clock.advance(1);
    current = 'v2';
    expect(await secret.current()).toMatchObject({ id: 'v2' });
    expect(requests).toHaveLength(2);
  });

  it('is used as it was while it cannot be read, and asked for again soon', async () => {
    await secret.current();
    clock.advance(6 * 60_000);
    unreachable = true;
    expect(await secret.current()).toMatchObject({ id: 'v1' });
    expect(await secret.current()).toMatchObject({ id: 'v1' });
    expect(requests).toHaveLength(2);
    unreachable = false;
    current = 'v2';
    clock.advance(15_000);
    expect(await secret.current()).toMatchObject({ id: 'v2' });
  });

  it('is an error only if it was never read', async () => {
    unreachable = true;
    await expect(secret.current()).rejects.toThrow('timed out');
    unreachable = false;
    expect(await secret.current()).toMatchObject({ id: 'v1' });
  });

  it('keeps the versions it has seen, and tells a version that is gone from one out of reach', async () => {
    await secret.current();
    expect(await secret.find('v1')).toMatchObject({ value: 'value of v1' });
    expect(requests).toEqual([undefined]);
    expect(await secret.find('v0')).toMatchObject({ value: 'value of v0' });
    expect(await secret.find('v0')).toMatchObject({ value: 'value of v0' });
    expect(requests).toEqual([undefined, 'v0']);
    expect(await secret.find('gone')).toBeUndefined();
    unreachable = true;
    await expect(secret.find('v9')).rejects.toThrow('timed out');
    expect(await secret.find('v1')).toMatchObject({ id: 'v1' });
  });

  it('tells the version before the current one for as long as its caller accepts it', async () => {
    clock.advance(1_000);
    current = 'v2';
    created = clock.now();
    const HOUR = 60 * 60_000;
    expect(await secret.previous(HOUR)).toMatchObject({ id: 'before v2' });
    clock.advance(HOUR);
    expect(await secret.previous(HOUR)).toMatchObject({ id: 'before v2' });
    clock.advance(1);
    expect(await secret.previous(HOUR)).toBeUndefined();
    expect(await secret.previous(2 * HOUR)).toMatchObject({ id: 'before v2' });
  });

  it('can be read at once', async () => {
    await secret.current();
    current = 'v2';
    expect(await secret.reload()).toMatchObject({ id: 'v2' });
    expect(await secret.current()).toMatchObject({ id: 'v2' });
  });
});
