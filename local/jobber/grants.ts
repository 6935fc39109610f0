import { randomBytes } from 'node:crypto';
import { type AccountId, newAccount, parseAccountId } from './accounts.ts';
import { SimulatorUsageError } from './checks.ts';
import { issuedTokens, type Place, type PlacedRefreshToken } from './issued-tokens.ts';
import type { SimulatorSettings } from './settings.ts';
import { type Account, emptyState, type Grant, type StateStore } from './state.ts';

const CODE_LIFETIME_MS = 10 * 60_000;

/** How a fault bends what is issued. */
export interface Bend {
  readonly opaqueAccessToken?: boolean;
  readonly withoutRefreshToken?: boolean;
}

export interface Issued {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number;
  /** The refresh token had been redeemed before. */
  readonly reused: boolean;
}

export type BearerVerdict =
  | { readonly kind: 'live'; readonly account: Account; readonly grant: Grant }
  | { readonly kind: 'unknown' | 'disconnected' | 'inactive' };

export type Grants = ReturnType<typeof grantStore>;

/** Accounts, authorization codes and grants. Every function is one atomic step. */
export function grantStore(store: StateStore, settings: SimulatorSettings, now: () => number) {
  const { state } = store;
  const tokens = issuedTokens(store, settings, now);
  let accounts = new Map(state.accounts.map((account) => [account.id, account]));

  /** @throws SimulatorUsageError if this is no account id. */
  function accountNumber(id: AccountId): number {
    const number = parseAccountId(id);
    if (number === undefined) throw new SimulatorUsageError(`'${id}' is no account id.`);
    return number;
  }

  /** @throws SimulatorUsageError if there is no such account. */
  function existingAccount(id: AccountId): Account {
    const account = accounts.get(accountNumber(id));
    if (!account) throw new SimulatorUsageError(`There is no account ${id}.`);
    return account;
  }

  /** An account that authorizes the app exists and is active, whatever it was before. */
  function authorizingAccount(id: AccountId): Account {
    const number = accountNumber(id);
    let account = accounts.get(number);
    if (!account) {
      account = newAccount(number);
      accounts.set(number, account);
      state.accounts.push(account);
    }
    account.active = true;
    store.changed();
    return account;
  }

  /** @param userId which admin authorizes the app. @default the first one */
  function issueCode(accountId: AccountId, redirectUri: string, userId?: number): string {
    const code = randomBytes(16).toString('hex');
    const expiresAt = now() + CODE_LIFETIME_MS;
    const account = authorizingAccount(accountId);
    state.codes = state.codes.filter((earlier) => earlier.expiresAt > now());
    state.codes.push({
      code,
      accountId: account.id,
      userId: userId ?? account.userId,
      redirectUri,
      expiresAt,
    });
    store.changed();
    return code;
  }

  const findCode = (code: string) => state.codes.find((issued) => issued.code === code);

  /** @returns undefined if the code is not valid, or not any more, or not for this redirect URI. */
  function exchangeCode(code: string, redirectUri: string, bend: Bend): Issued | undefined {
    const issued = findCode(code);
    const account = issued && accounts.get(issued.accountId);
    if (!issued || !account?.active) return undefined;
    if (issued.expiresAt <= now() || issued.redirectUri !== redirectUri) return undefined;
    state.codes = state.codes.filter((other) => other !== issued);
    return newGrant(account, bend, issued.userId);
  }

  function newGrant(account: Account, bend: Bend = {}, userId = account.userId): Issued {
    if (settings.reauthorizationRevokes) end(account.grants, 'revoked');
    const grant: Grant = {
      id: randomBytes(8).toString('hex'),
      status: 'active',
      userId,
      authorizedAt: now(),
      redemptions: 0,
      refreshTokens: [],
      accessTokens: [],
    };
    account.grants.push(grant);
    const place = { account, grant };
    return {
      ...tokens.issueAccessToken(place, bend.opaqueAccessToken ?? false),
      refreshToken: bend.withoutRefreshToken ? undefined : tokens.issueRefreshToken(place),
      reused: false,
    };
  }

  /** @returns undefined if the refresh token is not valid. */
  function redeem(refreshToken: string, bend: Bend): Issued | undefined {
    const found = tokens.findRefreshToken(refreshToken);
    const reused = found?.token.redeemedAt !== undefined;
    if (reused && settings.rotation !== 'off') count('doubleRedemptions', found);
    if (!found || !isAccepted(found)) {
      count('refusals', found);
      if (found && reused && settings.rotation === 'on' && settings.reusePolicy === 'revoke')
        end([found.grant], 'revoked');
      return undefined;
    }
    count('redemptions', found);
    found.grant.redemptions++;
    return {
      ...tokens.issueAccessToken(found, bend.opaqueAccessToken ?? false),
      refreshToken: bend.withoutRefreshToken ? undefined : successorOf(found),
      reused,
    };
  }

  function successorOf(found: PlacedRefreshToken): string {
    if (settings.rotation === 'off') return found.token.token;
    found.token.redeemedAt ??= now();
    return tokens.issueRefreshToken(found);
  }

  function isAccepted({ account, grant, token }: PlacedRefreshToken): boolean {
    if (!account.active || grant.status !== 'active') return false;
    if (token.redeemedAt === undefined || settings.rotation === 'legacy') return true;
    if (settings.rotation === 'off' || settings.reusePolicy !== 'grace') return false;
    return now() < token.redeemedAt + settings.graceSeconds * 1000;
  }

  function count(what: 'redemptions' | 'doubleRedemptions' | 'refusals', at: Place | undefined) {
    state.totals[what]++;
    if (at) at.account[what]++;
    store.changed();
  }

  function judgeBearer(accessToken: string): BearerVerdict {
    const found = tokens.findAccessToken(accessToken);
    if (!found || found.token.expiresAt <= now()) return { kind: 'unknown' };
    if (!found.account.active) return { kind: 'inactive' };
    switch (found.grant.status) {
      case 'active':
      case 'unrefreshable':
        return { kind: 'live', account: found.account, grant: found.grant };
      case 'disconnected':
        return { kind: 'disconnected' };
      case 'revoked':
        return { kind: 'unknown' };
    }
  }

  /** Newest first. */
  function liveRefreshTokens(account: Account): string[] {
    return account.grants
      .flatMap((grant) => grant.refreshTokens.map((token) => ({ account, grant, token })))
      .filter(isAccepted)
      .sort((one, other) => other.token.serial - one.token.serial)
      .map(({ token }) => token.token);
  }

  /** Ends the grants that have not ended yet. */
  function end(grants: readonly Grant[], status: 'unrefreshable' | 'disconnected' | 'revoked') {
    for (const grant of grants)
      if (grant.status === 'active' || grant.status === 'unrefreshable') grant.status = status;
    store.changed();
  }

  /** An admin loses the right to use Jobber, and with it the grants that are theirs. */
  function deactivateUser(userId: number) {
    for (const { grants } of state.accounts) {
      end(
        grants.filter((grant) => grant.userId === userId),
        'revoked',
      );
    }
  }

  function deactivate(account: Account) {
    end(account.grants, 'revoked');
    account.active = false;
    store.changed();
  }

  function expireAccessTokens(of: readonly Account[] = state.accounts) {
    for (const { grants } of of)
      for (const grant of grants) tokens.forgetAccessTokens(grant, () => true);
  }

  /** The secret that Jobber knows changes, and no refresh token survives that. */
  function rollClientSecret(secret: string) {
    settings.clientSecret = secret;
    state.rolledClientSecret = secret;
    for (const { grants } of state.accounts) end(grants, 'unrefreshable');
    store.changed();
  }

  function forgetEverything() {
    delete state.rolledClientSecret;
    Object.assign(state, emptyState());
    accounts = new Map(state.accounts.map((account) => [account.id, account]));
    tokens.index();
    store.changed();
  }

  return {
    accountNumber,
    existingAccount,
    authorizingAccount,
    /** Whether Jobber believes that an account has the app. */
    isConnected: (accountId: number) =>
      accounts.get(accountId)?.grants.some(({ status }) => status === 'active') ?? false,
    issueCode,
    exchangeCode,
    newGrant,
    redeem,
    judgeBearer,
    liveRefreshTokens,
    end,
    deactivate,
    deactivateUser,
    expireAccessTokens,
    rollClientSecret,
    forgetEverything,
    /** Whose token or code this is, valid or not; undefined if nobody's. */
    ownerOf: {
      code: (code: string) => findCode(code)?.accountId,
      refreshToken: (token: string) => tokens.findRefreshToken(token)?.account.id,
      accessToken: (token: string) => tokens.findAccessToken(token)?.account.id,
    },
  };
}
