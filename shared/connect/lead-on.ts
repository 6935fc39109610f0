import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Clock } from '../runtime/clock.ts';
import { environment } from '../runtime/environment.ts';
import { logger } from '../runtime/telemetry.ts';
import { type Claim, withClaim } from './claim.ts';
import type { Outcome } from './connect-account.ts';
import { mayReturnTo } from './connect-link.ts';
import { redirect, resultPage } from './result-page.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { Intent } from './state.ts';

/**
 * The answer to a browser whose authorization has ended: a page, which may lead on to the owner's app with a claim; after
 * *Manage App* the way there at once.
 */
export async function leadOn(
  keys: SigningKeys,
  clock: Clock,
  issuer: string,
  intent: Intent,
  outcome: Outcome,
  cookies: string[],
): Promise<APIGatewayProxyStructuredResultV2> {
  if (!('account' in outcome)) return resultPage(outcome, cookies);
  const claim: Claim = {
    purpose: intent.purpose === 'manage' ? 'sign-in' : 'connect',
    accountId: outcome.account.id,
    accountName: outcome.account.name,
    user: outcome.user,
    isConnector: outcome.kind === 'connected',
    ref: intent.link?.ref,
  };
  const url = targetOf(intent);
  const target = url && (await signed(url));
  if (target && intent.purpose === 'manage') return redirect(target, cookies);
  const page = { kind: outcome.kind, accountName: outcome.account.name, continueTo: target };
  return resultPage(page, cookies);

  /** The connection stands even if its claim cannot be signed. */
  async function signed(to: string): Promise<string | undefined> {
    try {
      return await withClaim(keys, clock, { url: to, issuer }, claim);
    } catch (error) {
      logger.error('A claim could not be signed.', error as Error);
      return undefined;
    }
  }
}

/** A page of the owner's app. A link may be older than the allowed origins are. */
function targetOf({ purpose, link }: Intent): string | undefined {
  if (purpose === 'manage') return environment.manageUrl();
  if (!link) return environment.postConnectUrl();
  const { returnTo } = link;
  return returnTo && mayReturnTo(returnTo, environment.returnToOrigins()) ? returnTo : undefined;
}
