import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import Provider, { type Configuration, type KoaContextWithOIDC } from 'oidc-provider';
import { vi } from 'vitest';
import { encodeAccountId } from '../../local/jobber/accounts.ts';
import { close, listen } from '../../local/listen.ts';

export const APP = { clientId: 'the-app', clientSecret: 'the-secret-of-the-app' } as const;

const API = 'https://api.example.com';
const SCOPE = 'api';
const HOUR_S = 3_600;

/** One request with a refresh token, as the server decided it. */
export interface Redemption {
  readonly account: string;
  readonly grantId: string;
  /** Milliseconds since the server started. */
  readonly at: number;
  /** `rotated`, or why the server refused the token. */
  readonly outcome: string;
}

export interface CertifiedServer {
  readonly url: string;
  /** In the order of the server's decisions. */
  readonly redemptions: Redemption[];
  /** The grants that the server ended because a refresh token was used twice. */
  readonly endedByReuse: { readonly account: string; readonly grantId: string }[];
  /** The server decides at once and answers refreshes this much later. */
  answerAfterMs: number;
  close(): Promise<void>;
}

/**
 * An authorization server that is certified (OpenID Connect), at Jobber's paths. It rotates refresh tokens and ends the
 * whole grant when one is used twice (RFC 9700, section 4.14.2). Its authorization page agrees at once, for the
 * `account` of the query.
 */
export async function startCertifiedServer(redirectUri: string): Promise<CertifiedServer> {
  const startedAt = Date.now();
  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => response.writeHead(500).end(error.stack));
  });
  const url = `http://127.0.0.1:${await listen(server, 0)}`;
  const provider = quietly(() => new Provider(url, configuration(redirectUri)));

  const certified: CertifiedServer = {
    url,
    redemptions: [],
    endedByReuse: [],
    answerAfterMs: 0,
    close: () => close(server),
  };

  provider.use(async (context, next) => {
    await next();
    if (grantType(context as KoaContextWithOIDC) === 'refresh_token')
      await delay(certified.answerAfterMs);
  });
  const oauth = provider.callback();
  provider.on('grant.success', (context) => note(context, 'rotated'));
  provider.on('grant.error', (context, error) => {
    note(context, error.error_detail ?? error.message);
  });
  provider.on('grant.revoked', (context, grantId) => {
    certified.endedByReuse.push({ account: accountOf(context), grantId });
  });

  function note(context: KoaContextWithOIDC, outcome: string): void {
    if (grantType(context) !== 'refresh_token') return;
    const grantId = context.oidc.entities.RefreshToken?.grantId ?? 'unknown';
    const at = Date.now() - startedAt;
    certified.redemptions.push({ account: accountOf(context), grantId, at, outcome });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    if (pathname === '/api/oauth/authorize') {
      const code = await agree(provider, redirectUri, String(searchParams.get('account')));
      const location = new URL(redirectUri);
      location.searchParams.set('code', code);
      location.searchParams.set('state', String(searchParams.get('state')));
      response.writeHead(302, { location: location.href }).end();
    } else if (pathname === '/api/graphql') {
      const { sub } = decodeJwt(String(request.headers.authorization).slice('Bearer '.length));
      const account = { id: encodeAccountId(Number(sub)), name: `Account ${sub}` };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ data: { account } }));
    } else {
      oauth(request, response);
    }
  }

  return certified;
}

const grantType = ({ oidc }: KoaContextWithOIDC) => oidc?.params?.['grant_type'];

const accountOf = ({ oidc }: KoaContextWithOIDC) =>
  oidc.entities.RefreshToken?.accountId ?? 'unknown';

/** What the person does at the authorization page. Returns the code. */
async function agree(provider: Provider, redirectUri: string, accountId: string): Promise<string> {
  const client = await provider.Client.find(APP.clientId);
  if (!client) throw new Error('The server does not know the app.');
  const grant = new provider.Grant({ accountId, clientId: APP.clientId });
  grant.addResourceScope(API, SCOPE);
  const code = new provider.AuthorizationCode({
    accountId,
    client,
    grantId: await grant.save(),
    redirectUri,
    scope: SCOPE,
    resource: API,
    gty: 'authorization_code',
  });
  return code.save();
}

const configuration = (redirectUri: string): Configuration => ({
  clients: [
    {
      client_id: APP.clientId,
      client_secret: APP.clientSecret,
      token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  routes: { token: '/api/oauth/token' },
  jwks: { keys: [signingKey()] },
  cookies: { keys: ['no page of this server sets a cookie'] },
  // Jobber knows no PKCE.
  pkce: { required: () => false },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  findAccount: (_context, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
  // Jobber's access tokens are JWTs that name the account.
  extraTokenClaims: async (_context, token) =>
    'accountId' in token ? { account_id: Number(token.accountId), user_id: 1 } : {},
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => API,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: SCOPE,
        accessTokenFormat: 'jwt',
        accessTokenTTL: HOUR_S,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  ttl: {
    AccessToken: HOUR_S,
    AuthorizationCode: 60,
    Grant: 24 * HOUR_S,
    RefreshToken: 24 * HOUR_S,
  },
});

function signingKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'key' };
}

/** The provider warns that its memory does not last: here it must not. */
function quietly<T>(make: () => T): T {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  try {
    return make();
  } finally {
    warn.mockRestore();
  }
}
