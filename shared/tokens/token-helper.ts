import { LRUCache } from 'lru-cache';
import { backoff } from '../runtime/backoff.ts';
import { type EpochMs, type EpochSeconds, plus, toSeconds } from '../runtime/clock.ts';
import { inTime } from '../runtime/in-time.ts';
import { singleFlight } from '../runtime/single-flight.ts';
import * as budget from './budgets.ts';
import { type ActiveConnection, type Connection, isDisconnecting } from './connection.ts';
import { type Decision, decide, type IssuedToken, isGood } from './decide.ts';
import {
  DisconnectedError,
  NotConnectedError,
  ReconnectRequiredError,
  RefreshInProgressError,
  RefreshPausedError,
  TokenError,
  whileNothingIsUnsaved,
} from './errors.ts';
import {
  type AppealRequest,
  type RefreshDependencies,
  type Refreshed,
  type RefreshRequest,
  refreshProtocol,
} from './refresh.ts';
import { UnsealableError, unseal } from './sealing.ts';
import { lastUseOf } from './sweep-wheel.ts';

export type { IssuedToken } from './decide.ts';

export interface GetAccessTokenOptions {
  /**
   * A token that expires sooner than this is refreshed, unless most of its life is left. It is handed out all the same while
   * another invocation refreshes it: `expiresAt` says how long it lasts.
   * @default 60
   */
  readonly minValiditySeconds?: number | undefined;
  /** The access token that the API answered with 401. */
  readonly rejectedToken?: string | undefined;
  /** To disconnect this very grant: a token of it, and of no other, though callers are given none any more. */
  readonly grantId?: string | undefined;
  /**
   * When a refresh that this call begins must be over. It should leave minutes, since a refresh waits for a slow answer as
   * long as it can. A call that waits for somebody else's refresh ends after {@link budget.PATIENCE}.
   */
  readonly deadline: EpochMs;
}

export interface TokenHelper {
  /**
   * A valid access token. Calls: none from this process's cache, 1 GetItem for a stored token,
   * 1 GetItem + 2 UpdateItem + 1 POST for a refresh; callers at once in one process share them. Every six hours, 1 UpdateItem
   * more notes that the connection is in use.
   * @throws AnyTokenError
   */
  getAccessToken(accountId: string, options: GetAccessTokenOptions): Promise<IssuedToken>;
  /**
   * Refreshes the token if it expires sooner than `minValiditySeconds`: 1 GetItem of the circuit breaker, which
   * calls at once share, 2 UpdateItem and 1 POST.
   * @returns whether it did, and the connection as it was before
   * @throws AnyTokenError; RefreshInProgressError if another invocation holds the lease
   */
  refreshIfDue(
    accountId: string,
    options: { readonly minValiditySeconds: number; readonly deadline: EpochMs },
  ): Promise<{ readonly rotated: boolean; readonly before: ActiveConnection }>;
  /** Tries the token of a connection that needs its admin once more, if that is due. @throws AnyTokenError */
  appeal(accountId: string, request: AppealRequest): Promise<void>;
}

/** A token, or what is stored by now, or nothing: then read. */
type Step =
  | { readonly token?: IssuedToken }
  | { readonly token?: never; readonly found: Connection | undefined };

interface Remembered extends IssuedToken {
  readonly refreshedAt: EpochSeconds;
}

const CACHED_TOKENS = 1_000;
const LONGEST_PAUSE = 1_000;
/** A waiter stops with this much left, for the read that follows its pause. */
const LAST_READ = 500;

export function tokenHelper(dependencies: RefreshDependencies): TokenHelper {
  const { table, keys, clock, telemetry } = dependencies;
  const { refresh, appeal } = refreshProtocol(dependencies);
  const cache = new LRUCache<string, Remembered>({ max: CACHED_TOKENS });
  const reads = singleFlight<Connection | undefined>();
  const refreshes = singleFlight<Refreshed>();
  /** The accounts of those that could wait. */
  const refreshesAhead = new Set<string>();
  const waits = singleFlight<Connection | undefined>();
  const notes = singleFlight<unknown>();

  return { getAccessToken, refreshIfDue, appeal };

  async function getAccessToken(
    accountId: string,
    options: GetAccessTokenOptions,
  ): Promise<IssuedToken> {
    const { minValiditySeconds = 60, rejectedToken, grantId, deadline } = options;
    const cached = grantId === undefined ? cache.get(accountId) : undefined;
    if (
      cached &&
      isGood(cached, { validitySeconds: minValiditySeconds, rejectedToken }, clock.now())
    ) {
      return issued(cached);
    }
    // From here on the table decides, for later callers as well.
    cache.delete(accountId);

    const answerBy = Math.min(deadline, plus(clock.now(), budget.PATIENCE)) as EpochMs;
    let validitySeconds = minValiditySeconds;
    let found = await read(accountId, answerBy);
    for (let waited = 0; ; ) {
      const connection = assertActive(found, grantId);
      const current = await open(connection);
      const decision = decide(connection, current, { validitySeconds, rejectedToken }, clock.now());
      const answer = (token: IssuedToken) =>
        grantId === undefined ? noteUse(connection).then(() => token) : token;
      if (decision.kind === 'use') return answer(remember(connection, current as IssuedToken));

      const isUsable = current !== undefined && current.accessToken !== rejectedToken;
      const stopgap = () =>
        isUsable && current.expiresAt > toSeconds(clock.now()) ? current : undefined;
      const step = await carryOut(accountId, decision, stopgap, { deadline, answerBy, waited });
      if (decision.kind === 'follow') waited++;
      const { token } = step;
      // A refresh joined in flight may have issued the very token that was rejected since, or another grant's: read again.
      const isWanted = token && token.accessToken !== rejectedToken;
      if (isWanted && grantId === undefined) return answer(token);
      found = 'found' in step ? step.found : await read(accountId, answerBy);
      // Whoever refreshed meanwhile, or still does, did what can be done: any valid token will do.
      validitySeconds = 0;
    }
  }

  /**
   * Refreshes, joins this process's refresh, or follows another invocation's by reading alone.
   * @param stopgap the current token as long as it lasts: a failed or busy refresh is harmless until then
   */
  async function carryOut(
    accountId: string,
    decision: Exclude<Decision, { kind: 'use' }>,
    stopgap: () => IssuedToken | undefined,
    { deadline, answerBy, waited }: { deadline: EpochMs; answerBy: EpochMs; waited: number },
  ): Promise<Step> {
    const underWay = refreshes.pending(accountId);
    const isAhead = refreshesAhead.has(accountId);
    try {
      if (decision.kind === 'fail') throw decision.error;
      const isBusy = underWay !== undefined || decision.kind === 'follow';
      const current = isBusy ? stopgap() : undefined;
      if (current) return { token: current };
      if (underWay) return stepAfter(accountId, await patiently(underWay, answerBy));
      if (decision.kind === 'follow') {
        return { found: await readAfterPause(accountId, waited, answerBy) };
      }
      return stepAfter(accountId, await startRefresh(accountId, { ...decision, deadline }));
    } catch (error) {
      // What was joined could wait, and was paused. A caller who needs a token now goes on by itself.
      if (isAhead && error instanceof RefreshPausedError) return {};
      const current = stopgap();
      if (current && error instanceof TokenError && error.retryable) return { token: current };
      throw error;
    }
  }

  function startRefresh(accountId: string, request: RefreshRequest): Promise<Refreshed> {
    return refreshes.join(accountId, async () => {
      if (request.urgency === 'ahead') refreshesAhead.add(accountId);
      return refresh(accountId, request).finally(() => refreshesAhead.delete(accountId));
    });
  }

  function stepAfter(accountId: string, refreshed: Refreshed): Step {
    if (refreshed.kind !== 'rotated') return { found: refreshed.found };
    const { accessToken, expiresAt } = refreshed;
    // Without an access token, the next refresh brings one.
    if (accessToken === undefined) return {};
    const token = { accountId, accessToken, expiresAt };
    cache.set(accountId, { ...token, refreshedAt: toSeconds(clock.now()) });
    return { token };
  }

  /** Others wait as long as they would for another invocation; the one who started it waits to its end. */
  function patiently(underWay: Promise<Refreshed>, answerBy: EpochMs): Promise<Refreshed> {
    return inTime(answerBy - clock.now(), () => underWay).catch((error: Error) => {
      throw error.name === 'TimeoutError' ? new RefreshInProgressError() : error;
    });
  }

  async function refreshIfDue(
    accountId: string,
    { minValiditySeconds, deadline }: { minValiditySeconds: number; deadline: EpochMs },
  ) {
    const due = { horizon: plus(toSeconds(clock.now()), minValiditySeconds) };
    const refreshed = await startRefresh(accountId, { due, urgency: 'ahead', deadline });
    if (refreshed.kind === 'busy') throw new RefreshInProgressError();
    return refreshed.kind === 'rotated'
      ? { rotated: true, before: refreshed.before as ActiveConnection }
      : { rotated: false, before: assertActive(refreshed.found) };
  }

  function read(accountId: string, answerBy: EpochMs): Promise<Connection | undefined> {
    const withinMs = Math.min(budget.TABLE_CALL, answerBy - clock.now());
    return whileNothingIsUnsaved(reads.join(accountId, () => table.get(accountId, withinMs)));
  }

  async function open({
    accountId,
    accessToken,
    accessTokenExpiresAt,
  }: ActiveConnection): Promise<IssuedToken | undefined> {
    if (!accessToken) return undefined;
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

  /** Keeps the connection warm. It is not worth an error, nor a long wait. */
  async function noteUse(connection: ActiveConnection): Promise<void> {
    const { accountId } = connection;
    const now = clock.now();
    if (lastUseOf(connection) > plus(now, -budget.NOTE_USE_EVERY)) return;
    await notes.join(accountId, () => table.noteUse(accountId, now)).catch(() => undefined);
  }

  function remember({ refreshedAt }: ActiveConnection, token: IssuedToken): IssuedToken {
    cache.set(token.accountId, { ...token, refreshedAt });
    return token;
  }

  /** The callers of one process wait together, and one of them reads for all. */
  async function readAfterPause(accountId: string, waited: number, answerBy: EpochMs) {
    if (waited === 0) telemetry.count('RefreshWaited');
    // Doubles every third time, so that waiters learn of the new token soon after it is there.
    const pause = backoff(waited / 3, 50, LONGEST_PAUSE);
    if (plus(clock.now(), pause + LAST_READ) > answerBy) throw new RefreshInProgressError();
    const pauseAndRead = async () => {
      await clock.sleep(pause);
      return read(accountId, answerBy);
    };
    const hasTimeForAny = plus(clock.now(), LONGEST_PAUSE + LAST_READ) <= answerBy;
    return hasTimeForAny ? waits.join(accountId, pauseAndRead) : pauseAndRead();
  }
}

/** @param grantId the grant that is being disconnected; without it, a connection that is counts as disconnected. */
function assertActive(found: Connection | undefined, grantId?: string): ActiveConnection {
  switch (found?.status) {
    case 'disconnected':
      throw new DisconnectedError();
    case 'reconnect_required':
      throw new ReconnectRequiredError(found.statusReason);
    case 'active':
      if (grantId === undefined ? isDisconnecting(found) : found.grantId !== grantId) {
        throw new DisconnectedError();
      }
      return found;
    default:
      throw new NotConnectedError();
  }
}

const issued = ({ accountId, accessToken, expiresAt }: IssuedToken): IssuedToken => ({
  accountId,
  accessToken,
  expiresAt,
});
