import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

export interface ConnectClaimOptions {
  /** Where the functions of jobber-tokens are reached, such as `https://connect.example.com`. */
  readonly issuer: string;
  /** The origin of the `postConnectUrl`, where this runs. */
  readonly audience: string;
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
 * Which account the browser has just connected, by the parameter `connection` that it brought to the `postConnectUrl`.
 * Good for 5 minutes; link it to the user who is signed in, and to nobody else later.
 * @throws InvalidConnectClaimError; the error of `fetch` or of jose if the public keys cannot be read
 */
export async function verifyConnectClaim(
  claim: string,
  { issuer, audience }: ConnectClaimOptions,
): Promise<{ accountId: string }> {
  const url = new URL('/.well-known/jwks.json', issuer);
  const keys = keySets.get(url.href) ?? createRemoteJWKSet(url);
  keySets.set(url.href, keys);
  try {
    const { payload } = await jwtVerify(claim, keys, {
      algorithms: ['EdDSA'],
      issuer,
      audience,
      requiredClaims: ['exp', 'sub'],
    });
    return { accountId: String(payload.sub) };
  } catch (error) {
    if (isOfTheClaim(error)) throw new InvalidConnectClaimError();
    throw error;
  }
}

const isOfTheClaim = (error: unknown) =>
  error instanceof errors.JWTInvalid ||
  error instanceof errors.JWSInvalid ||
  error instanceof errors.JWTExpired ||
  error instanceof errors.JWTClaimValidationFailed ||
  error instanceof errors.JWSSignatureVerificationFailed ||
  error instanceof errors.JOSEAlgNotAllowed ||
  error instanceof errors.JOSENotSupported ||
  error instanceof errors.JWKSNoMatchingKey;
