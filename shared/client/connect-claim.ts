import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

export interface ConnectClaimOptions {
  /** Where the functions of jobber-tokens are reached, such as `https://connect.example.com`. */
  readonly issuer: string;
  /** The origin of the page that got the claim, where this runs. */
  readonly audience: string;
  /**
   * What the claim must be for: `connect` at the `postConnectUrl` and the `returnTo` of links, `sign-in` at the `manageUrl`.
   * @default 'connect'
   */
  readonly purpose?: 'connect' | 'sign-in';
}

/** What a claim says. */
export interface ConnectClaim {
  /** Of this claim alone. Accept each once: keep it until `expiresAt`. */
  readonly id: string;
  /** Jobber's `account.id`. */
  readonly accountId: string;
  /** Show it, and ask before you link the account. */
  readonly accountName: string;
  /** The number of the Jobber user in whose browser it is; `undefined` if Jobber did not say. */
  readonly userId: string | undefined;
  readonly userName: string | undefined;
  /** Whether the connection is this user's: see docs/client.md. */
  readonly isConnector: boolean;
  /** The `ref` of the connect link that this browser followed. */
  readonly ref: string | undefined;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number;
}

export class InvalidConnectClaimError extends Error {
  override readonly name = 'InvalidConnectClaimError';
  readonly code = 'invalid_connect_claim';
  readonly retryable = false;
  constructor() {
    super('The claim is not valid or has expired. No connection is affected; connect again.');
  }
}

const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

/**
 * Reads the parameter `connection` that a browser brought from a connect or from *Manage App*: an EdDSA JWT, good for 5
 * minutes. It is a bearer: somebody may have sent this browser to you with a claim of their own. So show the account's name
 * and let the user confirm with a POST of your own page, refuse an account that is linked to somebody else, and accept each
 * `id` once (RFC 9700, section 4.7).
 * @throws InvalidConnectClaimError; the error of `fetch` or of jose if the public keys cannot be read
 */
export async function verifyConnectClaim(
  claim: string,
  { issuer, audience, purpose = 'connect' }: ConnectClaimOptions,
): Promise<ConnectClaim> {
  const url = new URL('/.well-known/jwks.json', issuer);
  const keys = keySets.get(url.href) ?? createRemoteJWKSet(url, { cacheMaxAge: 60_000 });
  keySets.set(url.href, keys);
  try {
    const { payload } = await jwtVerify(claim, keys, {
      algorithms: ['EdDSA'],
      typ: `jobber-${purpose}+jwt`,
      issuer,
      audience,
      requiredClaims: ['exp', 'iat', 'jti', 'sub'],
    });
    return {
      id: String(payload.jti),
      accountId: String(payload.sub),
      accountName: textOf(payload['account_name']) ?? '',
      userId: textOf(payload['user_id']),
      userName: textOf(payload['user_name']),
      isConnector: payload['is_connector'] === true,
      ref: textOf(payload['ref']),
      expiresAt: Number(payload.exp),
    };
  } catch (error) {
    if (isOfTheClaim(error)) throw new InvalidConnectClaimError();
    throw error;
  }
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

const isOfTheClaim = (error: unknown) =>
  error instanceof errors.JWTInvalid ||
  error instanceof errors.JWSInvalid ||
  error instanceof errors.JWTExpired ||
  error instanceof errors.JWTClaimValidationFailed ||
  error instanceof errors.JWSSignatureVerificationFailed ||
  error instanceof errors.JOSEAlgNotAllowed ||
  error instanceof errors.JOSENotSupported ||
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys;
