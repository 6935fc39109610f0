import { createHash, createHmac, randomBytes } from 'node:crypto';

export interface Claims {
  readonly clientId: string;
  readonly userId: number;
  readonly accountId: number;
  /** Seconds since the Unix epoch. */
  readonly exp: number;
}

export const SCOPES = ['read_clients', 'read_users'] as const;
const APP_ID = 88_214;
const HEADER = base64url({ alg: 'HS256' });

/**
 * A JWT as Jobber issues it (RFC 7519): HS256, numeric ids, no `iat`, `jti` or `aud`. Nothing in these
 * claims tells two tokens of the same second apart, so each is signed with a key of its own: only the
 * signature differs, and nobody but Jobber could verify it anyway. (Signed here rather than with a
 * library, because those sign asynchronously and a redemption must be one step.)
 */
export function jwtAccessToken({ clientId, userId, accountId, exp }: Claims): string {
  const claims = base64url({
    sub: userId,
    iss: 'https://api.getjobber.com',
    client_id: clientId,
    scope: SCOPES.join(' '),
    app_id: APP_ID,
    user_id: userId,
    account_id: accountId,
    exp,
  });
  const signature = createHmac('sha256', randomBytes(32)).update(`${HEADER}.${claims}`);
  return `${HEADER}.${claims}.${signature.digest('base64url')}`;
}

/** An access token that holds no claims, as RFC 6749, section 1.4, allows. */
export const opaqueAccessToken = () => randomBytes(32).toString('hex');

export const fingerprint = (accessToken: string) =>
  createHash('sha256').update(accessToken).digest('base64url');

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
