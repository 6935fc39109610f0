import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Lambda } from '../functions.ts';
import { type Credentials, guarded } from './credentials.ts';
import type { LocalEventBus } from './event-bus.ts';
import type { LocalSecrets } from './secrets.ts';

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

interface SecretRequest {
  readonly SecretId: string;
  readonly VersionId?: string;
  readonly VersionStage?: string;
}

const INVOKE_PATH = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;

/**
 * Secrets Manager's `GetSecretValue`, EventBridge's `PutEvents` and Lambda's `Invoke`, for any AWS SDK or CLI that has
 * the credentials.
 */
export function awsEndpoint(
  credentials: Credentials,
  secrets: LocalSecrets,
  bus: LocalEventBus,
  { has, invoke }: Pick<Lambda, 'has' | 'invoke'>,
): Server {
  const listener: RequestListener = async (request, response) => {
    const reply = await answer(request).catch(
      (error: Error): Reply => ({ status: 500, body: { message: error.message } }),
    );
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    response.end(reply.body === undefined ? '' : JSON.stringify(reply.body));
  };
  return createServer(guarded(credentials, listener));

  async function answer(request: IncomingMessage): Promise<Reply> {
    const body = await text(request);
    switch (request.headers['x-amz-target']) {
      case 'secretsmanager.GetSecretValue':
        return getSecretValue(JSON.parse(body));
      case 'AWSEvents.PutEvents':
        return { status: 200, body: bus.put(JSON.parse(body).Entries) };
    }
    const [, name] = INVOKE_PATH.exec(request.url?.split('?')[0] ?? '') ?? [];
    if (name) return invokeFunction(functionName(name), body, request.headers);
    return failure(400, 'UnknownOperationException');
  }

  function getSecretValue({ SecretId, VersionId, VersionStage }: SecretRequest): Reply {
    const version =
      VersionStage === 'AWSPREVIOUS'
        ? secrets.previous(SecretId)
        : secrets.find(SecretId, VersionId);
    if (!version) return failure(400, 'ResourceNotFoundException');
    const { id, value, createdAt } = version;
    return {
      status: 200,
      body: {
        Name: SecretId,
        VersionId: id,
        SecretString: value,
        CreatedDate: (createdAt ?? 0) / 1000,
      },
    };
  }

  async function invokeFunction(
    name: string,
    body: string,
    headers: IncomingMessage['headers'],
  ): Promise<Reply> {
    if (!has(name)) return failure(404, 'ResourceNotFoundException');
    let event: unknown;
    try {
      event = body === '' ? {} : JSON.parse(body);
    } catch {
      return failure(400, 'InvalidRequestContentException');
    }
    const type = headers['x-amz-invocation-type'] ?? 'RequestResponse';
    if (type === 'DryRun') return { status: 204, body: undefined };
    const running = invoke(name, event);
    if (type === 'Event') {
      running.catch(() => undefined);
      return { status: 202, body: undefined };
    }
    return running.then(
      (result) => ({ status: 200, body: result ?? null }),
      (error: Error) => ({
        status: 200,
        headers: { 'x-amz-function-error': 'Unhandled' },
        body: { errorType: error.name, errorMessage: error.message },
      }),
    );
  }
}

/** A name, or the last part of an ARN. */
const functionName = (nameOrArn: string) =>
  decodeURIComponent(nameOrArn).split(':function:').at(-1) ?? '';

const failure = (status: number, type: string): Reply => ({
  status,
  headers: { 'x-amzn-errortype': type },
  body: { __type: type, Message: type },
});
