import type { GetTokenResponse } from '../../shared/client/contract.ts';
import type { Lambda } from '../functions.ts';

export interface StampedeResult {
  readonly callers: number;
  readonly processes: number;
  /** Callers that got a token. */
  readonly served: number;
  readonly distinctTokens: number;
  /** Codes of the errors that callers got. */
  readonly errors: readonly string[];
  /** From the first request until the last caller had its answer, in milliseconds. */
  readonly took: number;
}

/** Many callers ask several processes for the same account's token at the same moment. */
export async function stampede(
  lambda: Lambda,
  accountId: string,
  callers: number,
  processes: number,
): Promise<StampedeResult> {
  const containers = Array.from({ length: processes }, () => lambda.start('get-token'));
  try {
    await Promise.all(containers.map((container) => container.invoke({})));
    const started = performance.now();
    const answers = (await Promise.all(
      containers.flatMap((container) =>
        Array.from({ length: callers / processes }, () => container.invoke({ accountId })),
      ),
    )) as GetTokenResponse[];
    const tokens = answers.flatMap((answer) => (answer.ok ? [answer.accessToken] : []));
    return {
      callers,
      processes,
      served: tokens.length,
      distinctTokens: new Set(tokens).size,
      errors: answers.flatMap((answer) => (answer.ok ? [] : [answer.error.code])),
      took: Math.round(performance.now() - started),
    };
  } finally {
    for (const container of containers) container.stop();
  }
}
