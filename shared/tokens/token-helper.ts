import { LRUCache } from 'lru-cache';
import { backoff } from '../runtime/backoff.ts';
import { type EpochMs, type EpochSeconds, plus, toSeconds } from '../runtime/clock.ts';
import { singleFlight } from '../runtime/single-flight.ts';
import * as budget from './budgets.ts';
import { type ActiveConnection, type Connection, isDisconnecting } from './connection.ts';
import type { Due } from './connection-table.ts';
import {
  AccessTokenRejectedError,
  DisconnectedError,
  NotConnectedError,
  ReconnectRequiredError,
  RefreshInProgressError,
  TokenError,
  withNothingAtHand,
} from './errors.ts';
import { type RefreshDependencies, type Refreshed, refreshProtocol } from './refresh.ts';
import { UnsealableError, unseal } from './sealing.ts';

export interface IssuedToken {
  readonly accountId: string;
  readonly accessToken: string;
  readonly expiresAt: EpochSeconds;
}

export interface GetAccessTokenOptions {
  /**
   * A token that expires sooner than this is refreshed. It is handed out all the same while another
   * invocation refreshes it: `expiresAt` says how long it lasts.
   * @default 60
   */
  readonly minValiditySeconds?: number | undefined;
  /** The access token that the API answered with 401. */
  readonly rejectedToken?: string | undefined;
  /** To disconnect this very grant: a token of it, and of no other, though callers are given none any more. */
  readonly grantId?: string | undefined;
  /** When the caller must have its answer. @default 25 s from now */
  readonly deadline?: EpochMs | undefined;
}

export interface TokenHelper {
  /**
   * A valid access token. Calls: none from this process's cache, 1 GetItem for a stored token,
   * 1 GetItem + 2 UpdateItem + 1 POST for a refresh; callers at once in one process share them.
   * @throws AnyTokenError
   */
  getAccessToken(accountId: string, options?: GetAccessTokenOptions): Promise<IssuedToken>;
  /**
   * Refreshes the token if it expires sooner than `minValiditySeconds`: 2 UpdateItem + 1 POST.
   * @throws AnyTokenError; RefreshInProgressError if another invocation holds the lease
   */
  refreshIfDue(
    accountId: string,
    options: { readonly minValiditySeconds: number; readonly deadline?: EpochMs | undefined },
  ): Promise<void>;
}

const CACHED_TOKENS = 1_000;
const LONGEST_PAUSE = 1_000;

export function tokenHelper(dependencies: RefreshDependencies): TokenHelper {
  const { table, keys, clock, telemetry } = dependencies;
  const refresh = refreshProtocol(dependencies);
  const cache = new LRUCache<string, IssuedToken>({ max: CACHED_TOKENS });
  const reads = singleFlight<Connection | undefined>();
  const refreshes = singleFlight<Refreshed>();
  const waits = singleFlight<Connection | undefined>();

  return { getAccessToken, refreshIfDue };

  async function getAccessToken(
    accountId: string,
    { minValiditySeconds = 60, rejectedToken, grantId, deadline }: GetAccessTokenOptions = {},
  ): Promise<IssuedToken> {
    const answerBy = deadline ?? plus(clock.now(), budget.CALL);
    const lastsUntil = (validity: number) => plus(toSeconds(clock.now()), validity);
    const usable = (token: IssuedToken, validity = 0) =>
      token.accessToken !== rejectedToken && token.expiresAt > lastsUntil(validity);

    const cached = cache.get(accountId);
    if (cached && grantId === undefined && usable(cached, minValiditySeconds)) return cached;
    // From here on the table decides, for later callers as well.
    cache.delete(accountId);

    let found = await read(accountId);
    let validity = minValiditySeconds;
    for (let waited = 0; ; ) {
      const connection = assertActive(found, grantId);
      const current = await open(connection);
      if (usable(current, validity)) return remember(current);
      const isRejected = current.accessToken === rejectedToken;
      if (isRejected) assertWorthRefreshing(connection);
      if (refreshes.has(accountId) && usable(current)) return remember(current);

      const due: Due = {
        horizon: lastsUntil(minValiditySeconds),
        rejected: isRejected ? connection.accessToken : undefined,
      };
      let refreshed: Refreshed;
      try {
        refreshed = await refreshOrFollow(connection, due, answerBy);
      } catch (error) {
        // Refreshing ahead of expiry is nobody's trouble while the current token lasts.
        if (error instanceof TokenError && error.retryable && usable(current)) return current;
        throw error;
      }
      if (refreshed.kind === 'rotated') {
        const issued = remember({ accountId, ...refreshed });
        // A refresh joined in flight may have issued the very token that was rejected since, or be another grant's.
        if (issued.accessToken !== rejectedToken && grantId === undefined) return issued;
        found = await read(accountId);
        continue;
      }
      found = refreshed.found;
      // Whoever refreshed meanwhile, or still does, did what can be done: any valid token will do.
      validity = 0;
      if (refreshed.kind === 'busy' && !usable(await open(refreshed.found))) {
        found = await readAfterPause(accountId, waited++, answerBy);
      }
    }
  }

  async function refreshIfDue(
    accountId: string,
    {
      minValiditySeconds,
      deadline,
    }: { minValiditySeconds: number; deadline?: EpochMs | undefined },
  ): Promise<void> {
    const horizon = plus(toSeconds(clock.now()), minValiditySeconds);
    const answerBy = deadline ?? plus(clock.now(), budget.CALL);
    const refreshed = await refreshes.join(accountId, () =>
      refresh(accountId, { horizon }, answerBy),
    );
    if (refreshed.kind === 'busy') throw new RefreshInProgressError();
    if (refreshed.kind === 'adopt') assertActive(refreshed.found);
  }

  /** Joins this process's refresh, follows another invocation's by reading alone, or starts one. */
  async function refreshOrFollow(
    connection: ActiveConnection,
    due: Due,
    answerBy: EpochMs,
  ): Promise<Refreshed> {
    const { accountId, leaseExpiresAt = 0 } = connection;
    const now = clock.now();
    const isLeased = leaseExpiresAt >= now && leaseExpiresAt <= plus(now, budget.LONGEST_LEASE);
    if (isLeased && !refreshes.has(accountId)) return { kind: 'busy', found: connection };
    return refreshes.join(accountId, () => refresh(accountId, due, answerBy));
  }

  function read(accountId: string): Promise<Connection | undefined> {
    return withNothingAtHand(reads.join(accountId, () => table.get(accountId)));
  }

  async function open({ accountId, accessToken, accessTokenExpiresAt }: ActiveConnection) {
    try {
      return {
        accountId,
        accessToken: await unseal(keys, accessToken, accountId, 'accessToken'),
        expiresAt: accessTokenExpiresAt,
      };
    } catch (cause) {
      if (!(cause instanceof UnsealableError)) throw cause;
      telemetry.count('ReconnectRequired');
      throw new ReconnectRequiredError('unreadable', { cause });
    }
  }

  function remember({ accountId, accessToken, expiresAt }: IssuedToken): IssuedToken {
    const issued = { accountId, accessToken, expiresAt };
    cache.set(accountId, issued);
    return issued;
  }

  /** A missing scope answers 401 as well; refreshing again and again would not help. */
  function assertWorthRefreshing({ refreshedAt }: ActiveConnection): void {
    // A time in the future was written by a clock that was wrong.
    const age = Math.abs(toSeconds(clock.now()) - refreshedAt);
    if (age * 1000 < budget.REJECTED_TOKEN_AGE) {
      throw new AccessTokenRejectedError();
    }
  }

  /** The callers of one process wait together, and one of them reads for all. */
  async function readAfterPause(accountId: string, waited: number, answerBy: EpochMs) {
    if (waited === 0) telemetry.count('RefreshWaited');
    // Doubles every third time, so that who waits learns of the new token soon after it is there.
    const pause = backoff(waited / 3, 50, LONGEST_PAUSE);
    if (plus(clock.now(), pause) > answerBy) throw new RefreshInProgressError();
    const pauseAndRead = async () => {
      await clock.sleep(pause);
      return read(accountId);
    };
    const hasTimeForAny = plus(clock.now(), LONGEST_PAUSE) <= answerBy;
    return hasTimeForAny ? waits.join(accountId, pauseAndRead) : pauseAndRead();
  }
}

/** @param grantId the grant that is being disconnected; without it, a connection that is counts as disconnected. */
function assertActive(found: Connection | undefined, grantId?: string): ActiveConnection {
  switch (found?.status) {
    case undefined:
      throw new NotConnectedError();
    case 'disconnected':
      throw new DisconnectedError();
    case 'reconnect_required':
      throw new ReconnectRequiredError(found.statusReason);
    case 'active':
      if (grantId === undefined ? isDisconnecting(found) : found.grantId !== grantId) {
        throw new DisconnectedError();
      }
      return found;
  }
}
