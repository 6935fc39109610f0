import type { Alteration, PendingRequest } from './faults.ts';
import type { Bend, Grants, Issued } from './grants.ts';
import { type Answer, json, mediaType, type Received, text } from './http.ts';
import type { SimulatorSettings } from './settings.ts';
import type { StateStore } from './state.ts';

export const INVALID_REFRESH_TOKEN = text(401, 'The provided refresh token is not valid.');
/** Jobber answers 401 to this as well, so only the prose tells the two apart. Its wording is assumed. */
export const WRONG_CLIENT = text(401, 'Client authentication failed.');

/*
 * What Jobber answers to these is not known. Assumed: a code is refused like a refresh token, and
 * what is no token request at all is a 400.
 */
export const INVALID_CODE = text(401, 'The provided authorization code is not valid.');
const MALFORMED = text(400, 'The request is malformed.');
const UNSUPPORTED_GRANT_TYPE = text(400, 'The grant type is not supported.');

const ROTATION_IS_OFF =
  'Refresh token rotation is off. This setting is required for apps to be published in the Jobber ' +
  'App Marketplace. You can turn it on in the Developer Center.';
const UNEXPECTED_REDEMPTION =
  'Unexpected Refresh Token Redemption: A newer refresh token exists than the one that was used for ' +
  "token redemption on this request. Please check your app's handling of refresh token rotation.";

/** `POST /api/oauth/token` */
export function tokenEndpoint(store: StateStore, settings: SimulatorSettings, grants: Grants) {
  return function receive(request: Received): PendingRequest {
    store.state.totals.tokenRequests++;
    store.changed();

    const parameters = readParameters(request);
    const parameter = (name: string) => parameters?.get(name) ?? '';
    const grantType = parameter('grant_type');
    const code = parameter('code');
    const refreshToken = parameter('refresh_token');

    function work(alterations: ReadonlySet<Alteration>): Answer {
      if (!parameters) return MALFORMED;
      if (
        parameter('client_id') !== settings.clientId ||
        parameter('client_secret') !== settings.clientSecret
      )
        return WRONG_CLIENT;
      const bend: Bend = {
        opaqueAccessToken: alterations.has('opaque-access-token'),
        withoutRefreshToken: alterations.has('no-refresh-token'),
      };
      switch (grantType) {
        case 'authorization_code': {
          const issued = grants.exchangeCode(code, parameter('redirect_uri'), bend);
          return issued ? json(200, tokenPair(issued)) : INVALID_CODE;
        }
        case 'refresh_token': {
          const issued = grants.redeem(refreshToken, bend);
          return issued
            ? json(200, refreshAnswer(issued, settings.rotation, alterations))
            : INVALID_REFRESH_TOKEN;
        }
        default:
          return UNSUPPORTED_GRANT_TYPE;
      }
    }

    const { ownerOf } = grants;
    const accountId =
      grantType === 'refresh_token' ? ownerOf.refreshToken(refreshToken) : ownerOf.code(code);
    return { path: 'token', grantType, accountId, work };
  };
}

/** Jobber names neither `token_type` nor `expires_in` (which RFC 6749, section 5.1, would have). */
function tokenPair({ accessToken, refreshToken }: Issued) {
  return { access_token: accessToken, refresh_token: refreshToken };
}

function refreshAnswer(
  issued: Issued,
  rotation: SimulatorSettings['rotation'],
  alterations: ReadonlySet<Alteration>,
) {
  return {
    ...tokenPair(issued),
    expires_at: expiresAt(issued, alterations),
    warning: warning(issued, rotation),
  };
}

function expiresAt(issued: Issued, alterations: ReadonlySet<Alteration>): string | undefined {
  if (alterations.has('no-expires-at')) return undefined;
  if (alterations.has('bad-expires-at')) return 'in about an hour';
  return new Date(issued.expiresAt * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
}

function warning(issued: Issued, rotation: SimulatorSettings['rotation']): string | undefined {
  if (rotation === 'off') return ROTATION_IS_OFF;
  return rotation === 'legacy' && issued.reused ? UNEXPECTED_REDEMPTION : undefined;
}

/** @returns undefined if the body is neither a form nor a flat JSON object. */
function readParameters({ headers, body }: Received): Map<string, string> | undefined {
  switch (mediaType(headers)) {
    case 'application/x-www-form-urlencoded':
      return new Map(new URLSearchParams(body));
    case 'application/json':
      return readJsonParameters(body);
    default:
      return undefined;
  }
}

function readJsonParameters(body: string): Map<string, string> | undefined {
  try {
    const parameters: unknown = JSON.parse(body);
    if (typeof parameters !== 'object' || parameters === null) return undefined;
    return new Map(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
  } catch {
    return undefined;
  }
}
