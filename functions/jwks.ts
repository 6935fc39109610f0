import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { claimKeys } from '../shared/connect/claim.ts';
import { signingKeyRing } from '../shared/jobber/wiring.ts';
import { logger } from '../shared/runtime/telemetry.ts';

const keys = signingKeyRing();

/** `GET /.well-known/jwks.json`: the public keys of connect claims (RFC 7517, section 5). */
export async function handler(): Promise<APIGatewayProxyStructuredResultV2> {
  try {
    return {
      statusCode: 200,
      headers: { 'content-type': 'application/jwk-set+json', 'cache-control': 'max-age=60' },
      body: JSON.stringify({ keys: await claimKeys(keys) }),
    };
  } catch (error) {
    logger.error('The public keys could not be derived.', error as Error);
    return { statusCode: 503, headers: { 'retry-after': '60' } };
  }
}
