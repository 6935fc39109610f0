import type { Context } from 'aws-lambda';
import * as z from 'zod/mini';
import { type DisconnectResponse, failure } from '../shared/client/contract.ts';
import { AccountId } from '../shared/jobber/account-id-schema.ts';
import { clock, jobberDisconnect } from '../shared/jobber/wiring.ts';
import { plus } from '../shared/runtime/clock.ts';
import { logger, publishMetrics } from '../shared/runtime/telemetry.ts';
import { problemsOf } from '../shared/runtime/validation.ts';
import { type AnyTokenError, TokenError } from '../shared/tokens/errors.ts';

const Request = z.strictObject({ accountId: AccountId });

const { disconnect } = jobberDisconnect();
const ANSWER_MARGIN_MS = 1_000;

/**
 * Invoked with `{accountId}`: ends the account's connection at Jobber and deletes its tokens. While Jobber does not
 * answer, the status is `disconnecting`, and sweeps go on with it. May be repeated.
 */
export async function handler(event: unknown, context: Context): Promise<DisconnectResponse> {
  const request = Request.safeParse(event);
  if (!request.success) return failure('invalid_request', problemsOf(request.error), false);
  const { accountId } = request.data;
  const deadline = plus(clock.now(), context.getRemainingTimeInMillis() - ANSWER_MARGIN_MS);
  try {
    const { status, ...cause } = await disconnect(accountId, deadline);
    logger.info('A disconnect was asked for.', { accountId, status, ...cause });
    return { ok: true, accountId, status };
  } catch (error) {
    if (error instanceof TokenError) {
      return failure((error as AnyTokenError).code, error.message, error.retryable);
    }
    logger.error('A disconnect failed.', { accountId, error: error as Error });
    return failure('internal_error', 'An unexpected error; the log of disconnect has it.', true);
  } finally {
    publishMetrics();
  }
}
