import { InvokeCommand, type InvokeCommandOutput, LambdaClient } from '@aws-sdk/client-lambda';

/** Makes the error for a function that gave no answer: what happened, whether to try again, and what to do. */
export type NoAnswer = (what: string, retryable: boolean, advice?: string) => Error;

/**
 * Rejects with the error of a {@link NoAnswer} only. `timeoutMs` limits the waiting, not the invocation: where Jobber is
 * slow, a function goes on for up to three minutes, and stores what it gets.
 */
export type Invoke<Request, Response> = (request: Request, timeoutMs: number) => Promise<Response>;

/** Configured by the environment, as any AWS client. */
export const defaultLambdaClient = () =>
  new LambdaClient({
    maxAttempts: 3,
    // No `requestTimeout`: the SDK would take a slow answer for a lost one, and invoke again what is still running.
    requestHandler: { connectionTimeout: 1_000 },
  });

/** Invokes a function of jobber-tokens through the AWS SDK. */
export function lambdaInvocation<Request, Response extends { readonly ok: boolean }>(
  lambda: LambdaClient,
  functionName: string,
  noAnswer: NoAnswer,
): Invoke<Request, Response> {
  return async function invoke(request, timeoutMs) {
    const command = new InvokeCommand({
      FunctionName: functionName,
      Payload: JSON.stringify(request),
    });
    const abortSignal = AbortSignal.timeout(timeoutMs);
    const output = await lambda.send(command, { abortSignal }).catch((error: SdkError) => {
      if (abortSignal.aborted) throw stoppedWaiting(timeoutMs);
      throw noAnswer(`${error.name}: ${error.message}`, isTransient(error));
    });
    return readResponse(output);
  };

  function stoppedWaiting(timeoutMs: number): Error {
    return noAnswer(
      `stopped waiting after ${Math.round(timeoutMs / 1000)} s`,
      true,
      'If it is still running, it goes on and stores what Jobber answers, so no connection is affected; try again.',
    );
  }

  function readResponse({ FunctionError, Payload }: InvokeCommandOutput): Response {
    if (FunctionError) throw noAnswer(`FunctionError: ${FunctionError}`, true);
    const response = parse(Payload);
    if (typeof response?.ok !== 'boolean') throw noAnswer('an answer that is not its own', false);
    return response as Response;
  }
}

interface SdkError extends Error {
  readonly $fault?: 'client' | 'server';
}

/** Denied, or not there, stays so. */
const isTransient = ({ $fault, name }: SdkError) =>
  $fault !== 'client' || name === 'TooManyRequestsException';

function parse(payload: Uint8Array | undefined): { readonly ok?: unknown } | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined;
  }
}
