import { LambdaClient } from '@aws-sdk/client-lambda';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
  vi,
} from 'vitest';
import { browser } from '../../../local/browser.ts';
import {
  type Client,
  ConnectLinkFailedError,
  createClient,
  DisconnectFailedError,
  JobberError,
} from '../../../shared/client/index.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../../support/local-system.ts';

let system: TestSystem;
let client: Client;
const accountId = idOf(MAPLE);
const FUNCTIONS = ['GET_TOKEN', 'DISCONNECT', 'CONNECT_LINK'].map(
  (name) => `JOBBER_TOKENS_${name}_FUNCTION`,
);

beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
beforeEach(async () => {
  for (const name of FUNCTIONS) vi.stubEnv(name, undefined);
  system.simulator.reset();
  await system.connect(MAPLE);
  client = createClient({
    functionName: 'get-token',
    disconnectFunctionName: 'disconnect',
    connectLinkFunctionName: 'create-connect-link',
    baseUrl: system.jobberUrl,
    lambda: new LambdaClient({ endpoint: system.awsUrl }),
  });
});
afterEach(() => vi.unstubAllEnvs());

const nameOf = async (id: string) => {
  const query = 'query { account { name } }';
  const { account } = await client.jobberQuery<{ account: { name: string } }>(id, query);
  return account.name;
};

describe('a client that is told which functions to invoke', () => {
  it('needs no variable for it', async () => {
    expect(await nameOf(accountId)).toBe('Maple Street Plumbing');
  });

  it('keeps one token for an account, in whichever of Jobber’s forms it is given', async () => {
    const given = [String(MAPLE), Buffer.from(String(MAPLE)).toString('base64'), accountId];
    const answers = await Promise.all(given.map((id) => client.getAccessToken(id)));
    expect(answers[1]).toBe(answers[0]);
    expect(answers[2]).toBe(answers[0]);
    expect(answers[0]).toMatchObject({ accountId });
    expect(await nameOf(String(MAPLE))).toBe('Maple Street Plumbing');
  });

  it('disconnects an account, and forgets its token', async () => {
    const invoked = vi.spyOn(LambdaClient.prototype, 'send');
    onTestFinished(() => invoked.mockRestore());
    for (let call = 0; call < 2; call++) await client.getAccessToken(accountId);
    expect(invoked).toHaveBeenCalledTimes(1);
    const status = 'disconnected';
    expect(await client.disconnect(String(MAPLE))).toEqual({ accountId, status });
    // A container of get-token may still have the token in its memory; this one has not.
    await client.getAccessToken(accountId).catch(() => undefined);
    expect(invoked).toHaveBeenCalledTimes(3);
  });

  it('says with the code of disconnect why it could not', async () => {
    const refused = client.disconnect('700009');
    await expect(refused).rejects.toBeInstanceOf(DisconnectFailedError);
    await expect(refused).rejects.toMatchObject({ code: 'not_connected', retryable: false });
  });

  it('makes a link that connects an account', async () => {
    await client.disconnect(accountId);
    const { url, expiresAt } = await client.createConnectLink({ ref: 'customer-7' });
    expect(expiresAt - Date.now() / 1000).toBeGreaterThan(14 * 60);
    await browser().connect(url, MAPLE);
    expect(await nameOf(accountId)).toBe('Maple Street Plumbing');
    expect(await system.item(accountId)).toMatchObject({ ref: 'customer-7' });
  });

  it('says what is wrong with what a link is asked for', async () => {
    const refused = client.createConnectLink({ returnTo: 'https://elsewhere.example.com' });
    await expect(refused).rejects.toBeInstanceOf(ConnectLinkFailedError);
    await expect(refused).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('returnTo'),
    });
  });

  it('says which function it may not invoke, or is not there', async () => {
    const lambda = new LambdaClient({ endpoint: system.awsUrl });
    const wrong = { disconnectFunctionName: 'nobody', connectLinkFunctionName: 'nobody', lambda };
    const { disconnect, createConnectLink } = createClient(wrong);
    await expect(disconnect(accountId)).rejects.toMatchObject({
      code: 'disconnect_failed',
      retryable: false,
      message: expect.stringContaining('Check the name of the function disconnect'),
    });
    await expect(createConnectLink()).rejects.toMatchObject({ code: 'connect_link_failed' });
  });

  it('stops waiting for a disconnect with the signal', async () => {
    const signal = AbortSignal.abort(new Error('the time is up'));
    await expect(client.disconnect(accountId, { signal })).rejects.toThrow('the time is up');
  });
});

describe('a client that nobody told which functions to invoke', () => {
  const unset = createClient();
  const page = () => unset.paginate(accountId, '{ a }', {}, () => ({}) as never).next();

  it.each<[string, string, () => Promise<unknown>]>([
    ['getAccessToken', 'JOBBER_TOKENS_GET_TOKEN_FUNCTION', () => unset.getAccessToken(accountId)],
    [
      'jobberQuery',
      'JOBBER_TOKENS_GET_TOKEN_FUNCTION',
      () => unset.jobberQuery(accountId, '{ a }'),
    ],
    ['paginate', 'JOBBER_TOKENS_GET_TOKEN_FUNCTION', page],
    ['disconnect', 'JOBBER_TOKENS_DISCONNECT_FUNCTION', () => unset.disconnect(accountId)],
    ['createConnectLink', 'JOBBER_TOKENS_CONNECT_LINK_FUNCTION', () => unset.createConnectLink()],
  ])('says it with a typed error: %s', async (_, variable, call) => {
    const refused = call();
    await expect(refused).rejects.toBeInstanceOf(JobberError);
    await expect(refused).rejects.toMatchObject({
      code: 'client_not_configured',
      retryable: false,
      message: expect.stringContaining(variable),
    });
  });

  it('works once the variable is set', async () => {
    vi.stubEnv('JOBBER_TOKENS_GET_TOKEN_FUNCTION', 'get-token');
    vi.stubEnv('AWS_ENDPOINT_URL_LAMBDA', system.awsUrl);
    expect(await unset.getAccessToken(accountId)).toMatchObject({ accountId });
  });

  it('says that the origin of Jobber’s API is none', async () => {
    vi.stubEnv('JOBBER_TOKENS_GET_TOKEN_FUNCTION', 'get-token');
    vi.stubEnv('JOBBER_BASE_URL', 'somewhere');
    await expect(createClient().jobberQuery(accountId, '{ a }')).rejects.toMatchObject({
      code: 'client_not_configured',
      message: expect.stringContaining('JOBBER_BASE_URL'),
    });
  });
});
