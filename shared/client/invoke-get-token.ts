import { InvokeCommand, type InvokeCommandOutput, LambdaClient } from '@aws-sdk/client-lambda';
import type { GetTokenRequest, GetTokenResponse } from './contract.ts';
import { GetTokenFailedError } from './errors.ts';

/** Rejects with {@link GetTokenFailedError} only. */
export type InvokeGetToken = (
  request: GetTokenRequest,
  timeoutMs: number,
) => Promise<GetTokenResponse>;

/** A little longer than `get-token` may take. */
const REQUEST_TIMEOUT_MS = 28_000;

/** Invokes the function through the AWS SDK, configured by the environment as any AWS client. */
export function lambdaInvocation(functionName: string): InvokeGetToken {
  const lambda = new LambdaClient({
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  });

  return async function invoke(request, timeoutMs) {
    const command = new InvokeCommand({
      FunctionName: functionName,
      Payload: JSON.stringify(request),
    });
    const output = await lambda
      .send(command, { abortSignal: AbortSignal.timeout(timeoutMs) })
      .catch((error: SdkError) => {
        throw new GetTokenFailedError(`${error.name}: ${error.message}`, isTransient(error));
      });
    return readResponse(output);
  };
}

interface SdkError extends Error {
  readonly $fault?: 'client' | 'server';
}

/** Denied, or not there, stays so. */
const isTransient = ({ $fault, name }: SdkError) =>
  $fault !== 'client' || name === 'TooManyRequestsException';

function readResponse({ FunctionError, Payload }: InvokeCommandOutput): GetTokenResponse {
  if (FunctionError) throw new GetTokenFailedError(`FunctionError: ${FunctionError}`, true);
  const response = parse(Payload);
  if (typeof response?.ok !== 'boolean')
    throw new GetTokenFailedError('an answer that is not its own', false);
  return response;
}

function parse(payload: Uint8Array | undefined): GetTokenResponse | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined;
  }
}
