import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { AppSecretNotSetError } from '../shared/jobber/app-secret.ts';
import { authorizeUrl, signState, verifyConnectLink } from '../shared/jobber/authorization.ts';
import { appCredentials, clock, keyRing } from '../shared/jobber/wiring.ts';
import { setBinding } from '../shared/pages/browser-binding-cookie.ts';
import { resultPage } from '../shared/pages/result-page.ts';
import { environment } from '../shared/runtime/environment.ts';
import { logger } from '../shared/runtime/telemetry.ts';

const keys = keyRing();
const credentials = appCredentials();
const publicUrl = environment.publicUrl();
const jobberUrl = environment.jobberBaseUrl();

/** `GET /oauth/connect`, optionally with `link`, a signed connect link: sends the browser to Jobber. */
export async function handler(
  event: APIGatewayProxyEventV2,
): Promise<APIGatewayProxyStructuredResultV2> {
  try {
    const link = event.queryStringParameters?.['link'];
    const intent = link === undefined ? {} : await verifyConnectLink(keys, clock, link);
    if (!intent) return resultPage({ kind: 'link_expired' });

    const { clientId } = await credentials.get();
    const { state, binding } = await signState(keys, clock, intent);
    const redirectUri = `${publicUrl}/oauth/callback`;
    return {
      statusCode: 302,
      headers: {
        location: authorizeUrl(jobberUrl, { clientId, redirectUri, state }),
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
      },
      cookies: [setBinding(binding, publicUrl.startsWith('https:'))],
    };
  } catch (error) {
    logger.error('A connect could not be started.', error as Error);
    const isSetUp = !(error instanceof AppSecretNotSetError);
    return resultPage({ kind: isSetUp ? 'try_later' : 'configuration_problem' });
  }
}
