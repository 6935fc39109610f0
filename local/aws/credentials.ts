import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { isOwnHost } from '../jobber/own-machine.ts';
import { isSameText } from '../same-text.ts';

/** What a program of this machine needs to use the servers that stand for AWS. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** DynamoDB Local takes no access key with other characters than letters and digits. */
export const newCredentials = (): Credentials => ({
  accessKeyId: `LOCAL${randomBytes(16).toString('hex').toUpperCase()}`,
  secretAccessKey: randomBytes(32).toString('hex'),
});

/** The variables that tell the credentials, and a Region, to an AWS SDK or the AWS CLI. */
export const variablesOf = ({ accessKeyId, secretAccessKey }: Credentials) => ({
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
});

/** The credentials that the clients of this process use. */
export const credentialsOfProcess = (): Credentials => ({
  accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '',
  secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '',
});

/**
 * Passes on the requests of programs that have the credentials. Anybody on this machine can reach its ports, and a page in
 * a browser can, too. The access key decides: it is random, and only requests to this machine carry it. The signature is
 * not checked: a program that has the access key was told the secret key as well.
 */
export function guarded(credentials: Credentials, listener: RequestListener): RequestListener {
  return (request, response) => {
    const { method, headers } = request;
    if (!isOwnHost(request) || headers.origin !== undefined)
      return refuse(response, 403, 'AccessDeniedException', 'This is for programs alone.');
    if (!isSignedWith(credentials, request))
      return refuse(response, 403, 'UnrecognizedClientException', SOURCE_AGAIN);
    if (method !== 'POST')
      return refuse(response, 405, 'MethodNotAllowedException', 'Use the method POST.');
    return listener(request, response);
  };
}

const SOURCE_AGAIN =
  'The access key is not of this start. Source the file `env` again, as `npm start` prints it: the credentials are new at each start.';

function isSignedWith({ accessKeyId }: Credentials, { headers }: IncomingMessage): boolean {
  const [, given = ''] =
    /^AWS4-HMAC-SHA256 Credential=(\w+)\//.exec(headers.authorization ?? '') ?? [];
  return accessKeyId !== '' && isSameText(given, accessKeyId);
}

function refuse(response: ServerResponse, status: number, type: string, message: string): void {
  // The body is not read, so the connection cannot be used again.
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.0',
    'x-amzn-errortype': type,
    connection: 'close',
  });
  response.end(JSON.stringify({ __type: type, message }));
}
