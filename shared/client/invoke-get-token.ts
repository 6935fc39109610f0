import { InvokeCommand, type InvokeCommandOutput, LambdaClient } from '@aws-sdk/client-lambda';
import type { GetTokenRequest, GetTokenResponse } from './contract.ts';
import { GetTokenFailedError } from './errors.ts';

/**
 * Rejects with {@link GetTokenFailedError} only. `timeoutMs` limits the waiting, not the invocation: where Jobber is slow,
 * `get-token` goes on for up to three minutes, and stores what it gets.
 */
export type InvokeGetToken = (
  request: GetTokenRequest,
  timeoutMs: number,
) => Promise<GetTokenResponse>;

/** Invokes the function through the AWS SDK, configured by the environment as any AWS client. */
export function lambdaInvocation(functionName: string): InvokeGetToken {
  const lambda = new LambdaClient({
    maxAttempts: 3,
    // No `requestTimeout`: the SDK would take a slow answer for a lost one, and invoke again what is still running.
    requestHandler: { connectionTimeout: 1_000 },
  });

  return async function invoke(request, timeoutMs) {
    const command = new InvokeCommand({
      FunctionName: functionName,
      Payload: JSON.stringify(request),
    });
    const abortSignal = AbortSignal.timeout(timeoutMs);
    const output = await lambda.send(command, { abortSignal }).catch((error: SdkError) => {
      if (abortSignal.aborted) throw stoppedWaiting(timeoutMs);
      throw new GetTokenFailedError(`${error.name}: ${error.message}`, isTransient(error));
    });
    return readResponse(output);
  };
}

const stoppedWaiting = (timeoutMs: number) =>
  new GetTokenFailedError(
    `stopped waiting after ${Math.round(timeoutMs / 1000)} s`,
    true,
    'If it is still running, it goes on and stores what Jobber answers, so no connection is affected; try again.',
  );

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
