import { type EpochMs, type EpochSeconds, plus, toSeconds } from '../runtime/clock.ts';
import type { Redemption } from '../tokens/token-endpoint.ts';
import type { Answer, NoAnswer } from './http.ts';
import { unverifiedClaims } from './unverified-claims.ts';

/** What Jobber's prose says of a refresh token or an authorization code that it does not accept. */
const GRANT_REFUSED =
  /refresh token is not valid|authorization (code|grant)[^.]*(not valid|invalid|expired|used)/i;

/** Of a code's exchange, whose refusals anybody can cause. */
const CLIENT_REJECTED = /client authentication|client (id|secret)|(invalid|unknown) client/i;

/** Jobber, "App Authorization": access tokens expire after 60 minutes. */
export const ACCESS_TOKEN_LIFETIME_S = 60 * 60;
/** In an answer that is cut off as well: what follows shows that the number is whole. */
const EXPIRES_IN = /"expires_in"\s*:\s*"?(\d{1,9})"?\s*[,}]/;
/** An expiry further away than this is a mistake. */
const MAX_LIFETIME_S = 24 * 60 * 60;

/**
 * Reads an answer of Jobber's token endpoint. `sent` is the refresh token that was redeemed, which stays
 * valid if no other came back (RFC 6749, section 6).
 *
 * Tokens come first: an answer that holds a new refresh token is a rotation, whatever else is wrong with it.
 * The refusals are told apart by their text, since Jobber answers a wrong client secret with 401 as well.
 */
export function readTokenResponse(
  answer: Answer | NoAnswer,
  sent: string | undefined,
  now: EpochMs,
): Redemption {
  if (answer.status === 'none') {
    return { outcome: 'unknown', maybeRedeemed: answer.maybeReceived, cause: 'no answer' };
  }
  const read = fieldsOf(answer.body);
  const accessToken = read('access_token');
  // Only an answer that arrived whole says that there is no new refresh token.
  const refreshToken = read('refresh_token') ?? (read.whole ? sent : undefined);
  if (accessToken && refreshToken) {
    const expiresAt = accessTokenExpiry(answer.body, read('expires_at'), accessToken, now);
    return { outcome: 'rotated', accessToken, refreshToken, expiresAt };
  }
  // A successor alone is a rotation, too: the next refresh brings an access token.
  if (sent !== undefined && refreshToken !== undefined && refreshToken !== sent) {
    return { outcome: 'rotated', refreshToken, expiresAt: toSeconds(now) };
  }
  const { status } = answer;
  if ((status === 400 || status === 401) && !isPage(answer.body)) {
    const refusal = readRefusal(answer, read('error'), sent === undefined);
    if (refusal) return { outcome: refusal };
  }
  return {
    outcome: 'unknown',
    maybeRedeemed: status < 300 || status >= 500 || status === 408,
    cause: status < 300 ? `HTTP ${status} without a token` : `HTTP ${status}`,
    retryAfterMs: answer.retryAfterMs,
  };
}

/** By the body: a bare sentence may come as text/html as well. */
const isPage = (body: string) => /^\s*</.test(body);

function readRefusal({ status, body }: Answer, error: string | undefined, isCode: boolean) {
  if (error === 'invalid_client' || error === 'unauthorized_client') return 'client_rejected';
  if (error === 'invalid_grant' || GRANT_REFUSED.test(body)) return 'refused';
  // What Jobber says of a bad code is not known, and anybody can send one: no reason for an alarm.
  if (isCode) return CLIENT_REJECTED.test(body) ? 'client_rejected' : 'refused';
  return status === 401 ? 'client_rejected' : undefined;
}

/** From `expires_at`, else `expires_in` (RFC 6749, section 5.1), else the JWT's `exp`, else 60 minutes from now; never throws. */
function accessTokenExpiry(
  body: string,
  expiresAt: string | undefined,
  accessToken: string,
  now: EpochMs,
): EpochSeconds {
  const seconds = toSeconds(now);
  const expiresIn = EXPIRES_IN.exec(body)?.[1];
  const candidates = [
    Date.parse(expiresAt ?? '') / 1000,
    seconds + Number(expiresIn),
    unverifiedClaims(accessToken)['exp'],
  ];
  const plausible = candidates.find(
    (time) => typeof time === 'number' && time > seconds && time < seconds + MAX_LIFETIME_S,
  );
  return plausible === undefined
    ? plus(seconds, ACCESS_TOKEN_LIFETIME_S)
    : (Math.floor(plausible as number) as EpochSeconds);
}

/**
 * Reads the non-empty string fields of a JSON object; of one that is damaged (not `whole`), too, those
 * which arrived in full.
 */
function fieldsOf(body: string): { (name: string): string | undefined; readonly whole: boolean } {
  try {
    const object = Object(JSON.parse(body)) as Record<string, unknown>;
    const read = (name: string) => {
      const value = object[name];
      return typeof value === 'string' && value !== '' ? value : undefined;
    };
    return Object.assign(read, { whole: true });
  } catch {
    const read = (name: string) =>
      new RegExp(`"${name}"\\s*:\\s*"([\\w.~+/=: -]+)"`).exec(body)?.[1];
    return Object.assign(read, { whole: false });
  }
}
