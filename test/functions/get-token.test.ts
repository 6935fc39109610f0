import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { idOf, MAPLE, NORTHWIND, type TestSystem, testSystem } from '../support/local-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
beforeEach(async () => {
  system.simulator.reset();
  await system.connect(MAPLE);
});

// Each test that wants an expired token has an account of its own: this process caches tokens.
const accountId = idOf(MAPLE);
const HARBOUR = 602391;
const OTHER = 700001;

describe('get-token', () => {
  it('answers an AWS SDK that invokes it with a token that Jobber accepts', async () => {
    const client = new LambdaClient({ endpoint: system.awsUrl });
    const { Payload, FunctionError } = await client.send(
      new InvokeCommand({ FunctionName: 'get-token', Payload: JSON.stringify({ accountId }) }),
    );
    expect(FunctionError).toBeUndefined();
    const answer = JSON.parse(new TextDecoder().decode(Payload));
    expect(Object.keys(answer).sort()).toEqual(['accessToken', 'accountId', 'expiresAt', 'ok']);
    expect(answer).toMatchObject({ ok: true, accountId });
    expect(answer.expiresAt - Date.now() / 1000).toBeGreaterThan(3_500);
    expect(system.simulator.isAccessTokenLive(answer.accessToken)).toBe(true);
  });

  it.each([String(MAPLE), Buffer.from(String(MAPLE)).toString('base64'), accountId])(
    'takes the account id as Jobber writes it: %s',
    async (id) => {
      expect(await system.getToken({ accountId: id })).toMatchObject({ ok: true, accountId });
    },
  );

  it('refreshes a token that expires once for all callers', async () => {
    await system.connectExpired(NORTHWIND);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => system.getToken({ accountId: idOf(NORTHWIND) })),
    );
    expect(answers.every(({ ok }) => ok)).toBe(true);
    expect(system.simulator.auditAccount(NORTHWIND)).toMatchObject({
      redemptions: 1,
      doubleRedemptions: 0,
    });
  });

  it.each([
    [{}, 'accountId'],
    [null, 'expected object'],
    ['text', 'expected object'],
    [{ accountId: '' }, 'accountId'],
    [{ accountId: 7 }, 'accountId'],
    [{ accountId: 'x'.repeat(257) }, 'accountId'],
    [{ accountId: 'x', minValiditySeconds: -1 }, 'minValiditySeconds'],
    [{ accountId: 'x', minValiditySeconds: 3_600 }, 'minValiditySeconds'],
    [{ accountId: 'x', minValiditySeconds: '60' }, 'minValiditySeconds'],
    [{ accountId: 'x', rejectedToken: '' }, 'rejectedToken'],
    [{ accountId: 'x', rejected_token: 'y' }, 'rejected_token'],
  ])('answers %j with a clear, typed error', async (request, hint) => {
    expect(await system.getToken(request)).toEqual({
      ok: false,
      error: {
        code: 'invalid_request',
        message: expect.stringContaining(hint),
        retryable: false,
      },
    });
  });

  it('says why there is no token', async () => {
    expect(await system.getToken({ accountId: 'nobody' })).toMatchObject({
      ok: false,
      error: { code: 'not_connected', retryable: false },
    });
    await system.connectExpired(OTHER);
    system.simulator.disconnect(OTHER);
    const request = { accountId: idOf(OTHER) };
    expect(await system.getToken(request)).toMatchObject({
      ok: false,
      error: { code: 'rotation_in_doubt', retryable: true },
    });
    await system.expire(OTHER);
    for (const _ of ['first', 'again']) {
      expect(await system.getToken(request)).toMatchObject({
        ok: false,
        error: { code: 'reconnect_required', retryable: false },
      });
    }
    expect(await system.connections()).toContainEqual(
      expect.objectContaining({ status: 'reconnect_required', statusReason: 'revoked' }),
    );
    await system.connect(OTHER);
    expect(await system.getToken(request)).toMatchObject({ ok: true });
  });

  it('marks nobody for a wrong client secret, and recovers once it is right', async () => {
    await system.connectExpired(HARBOUR);
    const right = system.secrets.find('jobber-app')?.value ?? '';
    system.simulator.settings.clientSecret = 'rolled in the Developer Center';
    const request = { accountId: idOf(HARBOUR) };
    expect(await system.getToken(request)).toMatchObject({
      ok: false,
      error: { code: 'client_rejected', retryable: true },
    });
    expect(await system.connections()).toContainEqual(
      expect.objectContaining({ ...request, status: 'active', leased: false }),
    );
    const { clientId } = JSON.parse(right);
    const clientSecret = 'rolled in the Developer Center';
    system.secrets.put('jobber-app', JSON.stringify({ clientId, clientSecret }));
    expect(await system.getToken(request)).toMatchObject({ ok: true });
    system.secrets.put('jobber-app', right);
  });
});

describe('the AWS endpoint', () => {
  it('answers a Secrets Manager client, by version too', async () => {
    const client = new SecretsManagerClient({ endpoint: system.awsUrl });
    const SecretId = 'jobber-tokens-sealing';
    const current = await client.send(new GetSecretValueCommand({ SecretId }));
    const { VersionId } = current;
    expect(await client.send(new GetSecretValueCommand({ SecretId, VersionId }))).toMatchObject({
      SecretString: current.SecretString,
    });
    await expect(
      client.send(new GetSecretValueCommand({ SecretId, VersionId: 'x'.repeat(36) })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('tells a Lambda client of unknown functions and of input that is no JSON', async () => {
    const client = new LambdaClient({ endpoint: system.awsUrl });
    await expect(client.send(new InvokeCommand({ FunctionName: 'nothing' }))).rejects.toMatchObject(
      { name: 'ResourceNotFoundException' },
    );
    await expect(
      client.send(new InvokeCommand({ FunctionName: 'get-token', Payload: '{' })),
    ).rejects.toMatchObject({ name: 'InvalidRequestContentException' });
  });
});
