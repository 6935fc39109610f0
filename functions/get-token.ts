import type { Context } from 'aws-lambda';
import * as z from 'zod/mini';
import { failure, type GetTokenResponse } from '../shared/client/contract.ts';
import { AccountId } from '../shared/jobber/account-id-schema.ts';
import { clock, jobberTokens } from '../shared/jobber/wiring.ts';
import { plus } from '../shared/runtime/clock.ts';
import { logger, publishMetrics } from '../shared/runtime/telemetry.ts';
import { problemsOf } from '../shared/runtime/validation.ts';
import { type AnyTokenError, TokenError } from '../shared/tokens/errors.ts';

const Request = z.strictObject({
  accountId: AccountId,
  minValiditySeconds: z.optional(z.int().check(z.gte(0), z.lte(30 * 60))),
  rejectedToken: z.optional(z.string().check(z.minLength(1), z.maxLength(8_192))),
});

const tokens = jobberTokens();
const ANSWER_MARGIN_MS = 1_000;

/**
 * Invoked with `{accountId, minValiditySeconds?, rejectedToken?}`: a valid access token, or a typed
 * reason why not. `expiresAt` is in seconds since the epoch.
 */
export async function handler(event: unknown, context: Context): Promise<GetTokenResponse> {
  const request = Request.safeParse(event);
  if (!request.success) return failure('invalid_request', problemsOf(request.error), false);
  const { accountId, ...options } = request.data;
  const deadline = plus(clock.now(), context.getRemainingTimeInMillis() - ANSWER_MARGIN_MS);
  try {
    return { ok: true, ...(await tokens.getAccessToken(accountId, { ...options, deadline })) };
  } catch (error) {
    if (error instanceof TokenError) {
      logger.warn('No access token.', { accountId, code: error.code });
      return failure((error as AnyTokenError).code, error.message, error.retryable);
    }
    logger.error('No access token.', { accountId, error: error as Error });
    return failure('internal_error', 'An unexpected error; the log of get-token has it.', true);
  } finally {
    publishMetrics();
  }
}
