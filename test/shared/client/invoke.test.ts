import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { GetTokenRequest, GetTokenResponse } from '../../../shared/client/contract.ts';
import { GetTokenFailedError } from '../../../shared/client/errors.ts';
import { defaultLambdaClient, lambdaInvocation } from '../../../shared/client/invoke.ts';

type Reply = (request: IncomingMessage, response: ServerResponse) => void;

/** Lambda's endpoint with answers of the test's, one a request, the last one for all that follow. */
async function lambda(...replies: [Reply, ...Reply[]]) {
  const requests: { path: string; body: unknown }[] = [];
  const server = createServer(async (request, response) => {
    requests.push({ path: request.url ?? '', body: JSON.parse(await text(request)) });
    const next = replies.length > 1 ? replies.shift() : replies[0];
    next?.(request, response);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('AWS_ENDPOINT_URL_LAMBDA', `http://127.0.0.1:${port}`);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  });
  const invoke = lambdaInvocation<GetTokenRequest, GetTokenResponse>(
    defaultLambdaClient(),
    'jobber-get-token',
    (...what) => new GetTokenFailedError(...what),
  );
  return { invoke, requests };
}

const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}): Reply =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
const refusal = (status: number, type: string) =>
  answer(status, { Message: `${type} of somebody` }, { 'x-amzn-errortype': type });

const TOKEN = { ok: true, accountId: 'a', accessToken: 't', expiresAt: 1 };
const SOON = 10_000;

it('invokes the function with the request, and hands on its answer', async () => {
  const { invoke, requests } = await lambda(answer(200, TOKEN));
  expect(await invoke({ accountId: 'a', rejectedToken: 'r' }, SOON)).toEqual(TOKEN);
  expect(requests).toEqual([
    {
      path: '/2015-03-31/functions/jobber-get-token/invocations',
      body: { accountId: 'a', rejectedToken: 'r' },
    },
  ]);
});

it('hands on a typed refusal as well', async () => {
  const refused = { ok: false, error: { code: 'not_connected', message: 'm', retryable: false } };
  const { invoke } = await lambda(answer(200, refused));
  expect(await invoke({ accountId: 'a' }, SOON)).toEqual(refused);
});

it.each([
  ['AccessDeniedException', refusal(403, 'AccessDeniedException'), false],
  ['ResourceNotFoundException', refusal(404, 'ResourceNotFoundException'), false],
  ['TooManyRequestsException', refusal(429, 'TooManyRequestsException'), true],
  ['ServiceException', refusal(500, 'ServiceException'), true],
  [
    'FunctionError: Unhandled',
    answer(200, { errorType: 'Sandbox.Timedout' }, { 'x-amz-function-error': 'Unhandled' }),
    true,
  ],
  ['an answer that is not its own', answer(200, 'null'), false],
  ['an answer that is not its own', answer(200, '"hello"'), false],
  ['an answer that is not its own', answer(200, ''), false],
] as const)('%s becomes a typed error', async (what, reply, retryable) => {
  const { invoke } = await lambda(reply);
  const error = await invoke({ accountId: 'a', rejectedToken: 'secret' }, SOON).catch(
    (thrown: Error) => thrown,
  );
  expect(error).toMatchObject({ name: 'GetTokenFailedError', code: 'get_token_failed', retryable });
  expect((error as Error).message).toContain(what);
  expect((error as Error).message).not.toContain('secret');
});

it('a Lambda that is throttled for a moment is asked again by the SDK', async () => {
  const { invoke, requests } = await lambda(
    refusal(429, 'TooManyRequestsException'),
    answer(200, TOKEN),
  );
  expect(await invoke({ accountId: 'a' }, SOON)).toEqual(TOKEN);
  expect(requests).toHaveLength(2);
});

it('stops waiting when the time is over, says so, and does not invoke again what is still running', async () => {
  const { invoke, requests } = await lambda(() => {});
  const error = await invoke({ accountId: 'a' }, 1_000).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({
    name: 'GetTokenFailedError',
    code: 'get_token_failed',
    retryable: true,
    message:
      'get-token gave no answer (stopped waiting after 1 s). If it is still running, it goes on and stores what Jobber ' +
      'answers, so no connection is affected; try again.',
  });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(requests).toHaveLength(1);
});

it('has no patience of the SDK’s own, which would invoke again what is still running', async () => {
  const { LambdaClient } = await import('@aws-sdk/client-lambda');
  const send = vi.spyOn(LambdaClient.prototype, 'send');
  onTestFinished(() => send.mockRestore());
  const { invoke } = await lambda(answer(200, TOKEN));
  await invoke({ accountId: 'a' }, SOON);
  const [client] = send.mock.contexts as { config: { requestHandler: unknown } }[];
  const handler = client?.config.requestHandler as
    | { httpHandlerConfigs(): Record<string, number> }
    | undefined;
  const settings = handler?.httpHandlerConfigs();
  expect(settings).toMatchObject({ connectionTimeout: 1_000 });
  expect([settings?.['requestTimeout'] ?? 0, settings?.['socketTimeout'] ?? 0]).toEqual([0, 0]);
});
