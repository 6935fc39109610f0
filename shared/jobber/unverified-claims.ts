import { decodeJwt } from 'jose';

/**
 * The claims of Jobber's access token, which only Jobber can verify: good for hints such as the expiry,
 * never for deciding who somebody is. Empty for a token that is no JWT.
 */
export function unverifiedClaims(accessToken: string): Record<string, unknown> {
  try {
    return decodeJwt(accessToken);
  } catch {
    return {};
  }
}
