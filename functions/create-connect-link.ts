import * as z from 'zod/mini';
import { type ConnectLinkResponse, failure } from '../shared/client/contract.ts';
import {
  CONNECT_LINK_LIFETIME_S,
  mayReturnTo,
  signConnectLink,
} from '../shared/connect/connect-link.ts';
import { AccountId } from '../shared/jobber/account-id-schema.ts';
import { clock, signingKeyRing } from '../shared/jobber/wiring.ts';
import { plus, toSeconds } from '../shared/runtime/clock.ts';
import { environment } from '../shared/runtime/environment.ts';
import { logger } from '../shared/runtime/telemetry.ts';
import { problemsOf } from '../shared/runtime/validation.ts';

/** As it travels: a character beyond ASCII has up to nine. */
const isShort = (returnTo: string) => (URL.parse(returnTo)?.href ?? returnTo).length <= 1_024;
const isAllowed = (returnTo: string) => mayReturnTo(returnTo, environment.returnToOrigins());

const Request = z.strictObject({
  ref: z.optional(z.string().check(z.minLength(1), z.maxLength(64))),
  returnTo: z.optional(
    z
      .string()
      .check(
        z.refine(isShort, 'it has more than 1,024 characters, encoded'),
        z.refine(isAllowed, 'its origin is not one of RETURN_TO_ORIGINS'),
      ),
  ),
  accountId: z.optional(AccountId),
});

const keys = signingKeyRing();

/**
 * Invoked with `{ref?, returnTo?, accountId?}`: a link for one customer's browser, good for 15 minutes and one account. `ref`
 * is the owner's own id of the customer, which the connection then carries; `returnTo` is where the result page leads on to,
 * with a signed claim: believe a `ref` when a claim with it comes from a browser that is signed in as that customer. With
 * `accountId`, only that account may be connected, and its connection is replaced, whoever made it.
 */
export async function handler(event: unknown): Promise<ConnectLinkResponse> {
  const request = Request.safeParse(event);
  if (!request.success) return failure('invalid_request', problemsOf(request.error), false);
  const expiresAt = plus(toSeconds(clock.now()), CONNECT_LINK_LIFETIME_S);
  try {
    const link = await signConnectLink(keys, clock, request.data);
    return { ok: true, url: `${environment.publicUrl()}/oauth/connect?link=${link}`, expiresAt };
  } catch (error) {
    logger.error('A connect link could not be signed.', error as Error);
    return failure('secrets_unavailable', 'The signing secret could not be read; try again.', true);
  }
}
