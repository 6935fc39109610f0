import { randomBytes } from 'node:crypto';
import { fingerprint, jwtAccessToken, opaqueAccessToken } from './access-token.ts';
import type { SimulatorSettings } from './settings.ts';
import type { AccessToken, Account, Grant, RefreshToken, StateStore } from './state.ts';

export interface Place {
  readonly account: Account;
  readonly grant: Grant;
}

export type PlacedRefreshToken = Place & { readonly token: RefreshToken };
export type PlacedAccessToken = Place & { readonly token: AccessToken };

export type IssuedTokens = ReturnType<typeof issuedTokens>;

/** Issues tokens into the grants of the state and finds them again. */
export function issuedTokens(store: StateStore, settings: SimulatorSettings, now: () => number) {
  const { state } = store;
  const refreshTokens = new Map<string, PlacedRefreshToken>();
  const accessTokens = new Map<string, PlacedAccessToken>();
  index();

  /** Reads the state anew. */
  function index() {
    refreshTokens.clear();
    accessTokens.clear();
    for (const account of state.accounts)
      for (const grant of account.grants) {
        for (const token of grant.refreshTokens)
          refreshTokens.set(token.token, { account, grant, token });
        for (const token of grant.accessTokens)
          accessTokens.set(token.fingerprint, { account, grant, token });
      }
  }

  function issueRefreshToken({ account, grant }: Place): string {
    const token: RefreshToken = {
      token: randomBytes(16).toString('hex'),
      serial: state.refreshTokensIssued++,
    };
    grant.refreshTokens.push(token);
    refreshTokens.set(token.token, { account, grant, token });
    store.changed();
    return token.token;
  }

  function issueAccessToken({ account, grant }: Place, opaque: boolean) {
    const exp = Math.floor(now() / 1000 + settings.accessTokenLifetimeSeconds);
    const { clientId } = settings;
    const claims = { clientId, userId: grant.userId, accountId: account.id, exp };
    const accessToken = opaque ? opaqueAccessToken() : jwtAccessToken(claims);

    const token = { fingerprint: fingerprint(accessToken), expiresAt: exp * 1000 };
    forgetAccessTokens(grant, ({ expiresAt }) => expiresAt <= now());
    grant.accessTokens.push(token);
    accessTokens.set(token.fingerprint, { account, grant, token });
    store.changed();
    return { accessToken, expiresAt: exp };
  }

  function forgetAccessTokens(grant: Grant, which: (token: AccessToken) => boolean) {
    for (const token of grant.accessTokens)
      if (which(token)) accessTokens.delete(token.fingerprint);
    grant.accessTokens = grant.accessTokens.filter((token) => !which(token));
    store.changed();
  }

  return {
    index,
    issueRefreshToken,
    issueAccessToken,
    forgetAccessTokens,
    findRefreshToken: (token: string) => refreshTokens.get(token),
    findAccessToken: (token: string) => accessTokens.get(fingerprint(token)),
  };
}
