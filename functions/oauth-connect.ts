import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { setBinding } from '../shared/connect/browser-binding-cookie.ts';
import { verifyConnectLink } from '../shared/connect/connect-link.ts';
import { redirect, resultPage } from '../shared/connect/result-page.ts';
import { type Intent, signState } from '../shared/connect/state.ts';
import { authorizeUrl } from '../shared/jobber/authorize-url.ts';
import { clock, signingKeyRing } from '../shared/jobber/wiring.ts';
import { environment } from '../shared/runtime/environment.ts';
import { logger } from '../shared/runtime/telemetry.ts';

const keys = signingKeyRing();
const publicUrl = environment.publicUrl();
const jobberUrl = environment.jobberBaseUrl();

/**
 * `GET /oauth/connect`, optionally with `link`, a signed connect link, and `GET /oauth/manage`: sends the browser to Jobber.
 * Jobber's button *Manage App* brings a code, which is not used: no state ties it to this browser. The browser gets another
 * one, and Jobber has its user's consent already.
 */
export async function handler(
  event: Pick<APIGatewayProxyEventV2, 'rawPath' | 'queryStringParameters'>,
): Promise<APIGatewayProxyStructuredResultV2> {
  try {
    const clientId = environment.clientId();
    if (clientId === undefined) {
      logger.error(
        'Set the client id of the Jobber app: it is the property clientId of the stack.',
      );
      return resultPage({ kind: 'configuration_problem' });
    }
    const purpose = event.rawPath === '/oauth/manage' ? 'manage' : 'connect';
    const link = event.queryStringParameters?.['link'];
    const intent = link === undefined || purpose === 'manage' ? {} : await fromLink(link);
    const isAllowed = intent && (intent.link || environment.marketplaceConnect());
    if (!isAllowed) return resultPage({ kind: 'link_expired' });

    const { state, binding } = await signState(keys, clock, { ...intent, purpose, clientId });
    const redirectUri = `${publicUrl}/oauth/callback`;
    const target = authorizeUrl(jobberUrl, { clientId, redirectUri, state });
    return redirect(target, [setBinding(binding, publicUrl.startsWith('https:'))]);
  } catch (error) {
    logger.error('A connect could not be started.', error as Error);
    return resultPage({ kind: 'try_later' });
  }
}

async function fromLink(signed: string): Promise<Pick<Intent, 'link'> | undefined> {
  const link = await verifyConnectLink(keys, clock, signed);
  return link && { link };
}
