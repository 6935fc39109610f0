import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { newAccount, SAMPLE_ACCOUNTS } from './accounts.ts';

/** All that survives a restart. Times are milliseconds since the Unix epoch. */
export interface State {
  accounts: Account[];
  codes: AuthorizationCode[];
  totals: Totals;
  refreshTokensIssued: number;
  /** The client secret that replaced the configured one, if it was rolled. */
  rolledClientSecret?: string;
}

export interface Totals {
  /** Every request to the token endpoint, whatever became of it. */
  tokenRequests: number;
  redemptions: number;
  doubleRedemptions: number;
  refusals: number;
}

export interface Account {
  readonly id: number;
  readonly name: string;
  /** The first of its admins. */
  readonly userId: number;
  active: boolean;
  redemptions: number;
  doubleRedemptions: number;
  refusals: number;
  grants: Grant[];
}

/**
 * - `active`
 * - `unrefreshable`: the client secret was rolled; access tokens live on until they expire.
 * - `disconnected`: from either side.
 * - `revoked`: by the reuse of a refresh token or by a new authorization.
 */
export type GrantStatus = 'active' | 'unrefreshable' | 'disconnected' | 'revoked';

export interface Grant {
  readonly id: string;
  status: GrantStatus;
  /** The admin who authorized it. */
  readonly userId: number;
  readonly authorizedAt: number;
  redemptions: number;
  /** All that were ever issued, oldest first. */
  refreshTokens: RefreshToken[];
  /** Those that have not expired. */
  accessTokens: AccessToken[];
}

export interface RefreshToken {
  readonly token: string;
  /** Orders the refresh tokens of all grants by their issue. */
  readonly serial: number;
  /** When it was first redeemed; never set while rotation is off. */
  redeemedAt?: number;
}

export interface AccessToken {
  /** A hash instead of the token keeps the file small. */
  readonly fingerprint: string;
  readonly expiresAt: number;
}

export interface AuthorizationCode {
  readonly code: string;
  readonly accountId: number;
  readonly userId: number;
  readonly redirectUri: string;
  readonly expiresAt: number;
}

export function emptyState(): State {
  return {
    accounts: SAMPLE_ACCOUNTS.map(({ id }) => newAccount(id)),
    codes: [],
    totals: { tokenRequests: 0, redemptions: 0, doubleRedemptions: 0, refusals: 0 },
    refreshTokensIssued: 0,
  };
}

export interface StateStore {
  readonly state: State;
  /** Must follow every change of the state. */
  changed(): void;
  /** Resolves once every change so far is in the file. */
  saved(): Promise<void>;
  saveNow(): void;
}

/**
 * The state, kept in `file` if there is one. Each write goes to a temporary file that then takes the
 * name, so that whoever kills the process finds the state before or after it, never half of one.
 * @throws Error naming the file, if it exists and holds no state.
 */
export function openState(file: string | undefined): StateStore {
  const state = (file !== undefined && load(file)) || emptyState();
  let dirty = true;
  let pending: Promise<void> | undefined;

  function saveNow() {
    if (file === undefined || !dirty) return;
    writeFileSync(`${file}.tmp`, JSON.stringify(state), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
    dirty = false;
  }

  /** Requests that arrive together share one write. */
  function saved(): Promise<void> {
    if (file === undefined || !dirty) return Promise.resolve();
    pending ??= new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        pending = undefined;
        try {
          saveNow();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
    return pending;
  }

  function changed() {
    dirty = true;
  }

  saveNow();
  return { state, changed, saved, saveNow };
}

function load(file: string): State | undefined {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`The state file ${file} of the Jobber simulator cannot be read.`, {
      cause: error,
    });
  }
  try {
    return parse(content);
  } catch (error) {
    throw new Error(
      `The state file ${file} of the Jobber simulator is corrupt. Delete it to start afresh.`,
      { cause: error },
    );
  }
}

function parse(content: string): State {
  const state = JSON.parse(content) as Partial<State>;
  const isGrant = (grant: Partial<Grant>) =>
    typeof grant.id === 'string' &&
    typeof grant.status === 'string' &&
    grant.refreshTokens?.every(({ token }) => typeof token === 'string') &&
    grant.accessTokens?.every(({ fingerprint }) => typeof fingerprint === 'string');
  const isAccount = (account: Partial<Account>) =>
    Number.isInteger(account.id) && account.grants?.every(isGrant);
  if (
    !state.accounts?.every(isAccount) ||
    !state.codes?.every(({ code }) => typeof code === 'string') ||
    !Number.isInteger(state.totals?.tokenRequests) ||
    !Number.isInteger(state.refreshTokensIssued)
  )
    throw new TypeError('This is JSON, but not a state.');
  return state as State;
}
