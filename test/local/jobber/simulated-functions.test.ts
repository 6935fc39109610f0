import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type SimulatedJobber, startJobberSimulator } from '../../../local/jobber/index.ts';
import { type Client, createClient } from '../../../shared/client/index.ts';
import { idOf, MAPLE } from '../../support/local-system.ts';

let jobber: SimulatedJobber;
let client: Client;
beforeEach(async () => {
  jobber = await startJobberSimulator();
  for (const [name, value] of Object.entries(jobber.environment)) vi.stubEnv(name, value);
  client = createClient();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await jobber.close();
});

const nameOf = async (accountId: string) => {
  const query = 'query { account { name } }';
  const { account } = await client.jobberQuery<{ account: { name: string } }>(accountId, query);
  return account.name;
};

describe('the client beside the simulator', () => {
  it('gets a token for an account that is connected', async () => {
    const accountId = jobber.connect(MAPLE);
    expect(accountId).toBe(idOf(MAPLE));
    expect(await nameOf(accountId)).toBe('Maple Street Plumbing');
  });

  it('is told of an account that is not', async () => {
    await expect(nameOf('518027')).rejects.toMatchObject({ code: 'not_connected' });
  });

  it('replaces a token that Jobber rejects, by a refresh', async () => {
    const accountId = jobber.connect(MAPLE);
    await nameOf(accountId);
    jobber.expireAccessTokens(MAPLE);
    expect(await nameOf(accountId)).toBe('Maple Street Plumbing');
    expect(jobber.auditAccount(MAPLE)).toMatchObject({ redemptions: 1, doubleRedemptions: 0 });
  });

  it('gets one that expires soon refreshed, as often as need be', async () => {
    jobber.settings.accessTokenLifetimeSeconds = 30;
    const accountId = jobber.connect(MAPLE);
    for (let call = 0; call < 3; call++) await nameOf(accountId);
    expect(jobber.auditAccount(MAPLE)).toMatchObject({ redemptions: 3, doubleRedemptions: 0 });
  });

  it('redeems a token once for callers at once', async () => {
    const accountId = jobber.connect(MAPLE);
    jobber.expireAccessTokens(MAPLE);
    const clients = Array.from({ length: 5 }, () => createClient());
    const query = 'query { account { id } }';
    await Promise.all(clients.map(({ jobberQuery }) => jobberQuery(accountId, query)));
    expect(jobber.auditAccount(MAPLE)).toMatchObject({ redemptions: 1, doubleRedemptions: 0 });
  });

  it('is told where the customer has disconnected the app in Jobber', async () => {
    const accountId = jobber.connect(MAPLE);
    await nameOf(accountId);
    jobber.disconnect(MAPLE);
    await expect(nameOf(accountId)).rejects.toMatchObject({ code: 'app_disconnected' });
    await expect(nameOf(accountId)).rejects.toMatchObject({ code: 'reconnect_required' });
    jobber.connect(MAPLE);
    expect(await nameOf(accountId)).toBe('Maple Street Plumbing');
  });

  it('disconnects', async () => {
    const accountId = jobber.connect(MAPLE);
    expect(await client.disconnect(accountId)).toEqual({ accountId, status: 'disconnected' });
    await expect(nameOf(accountId)).rejects.toMatchObject({ code: 'disconnected' });
    await expect(client.disconnect('1')).rejects.toMatchObject({ code: 'not_connected' });
  });

  it('knows of no connection after a reset', async () => {
    const accountId = jobber.connect(MAPLE);
    jobber.reset();
    await expect(nameOf(accountId)).rejects.toMatchObject({ code: 'not_connected' });
  });

  it('meets the faults that a test asks for', async () => {
    const accountId = jobber.connect(MAPLE);
    jobber.faults.push({ kind: 'status', status: 502, path: 'graphql', times: 2 });
    expect(await nameOf(accountId)).toBe('Maple Street Plumbing');
    expect(jobber.faults.pending()).toEqual([]);
  });

  it('finds no other function', async () => {
    const other = createClient({ functionName: 'other' });
    await expect(other.getAccessToken('1')).rejects.toMatchObject({
      code: 'get_token_failed',
      retryable: false,
    });
  });
});
