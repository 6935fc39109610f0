import { LRUCache } from 'lru-cache';
import { backoff } from '../runtime/backoff.ts';
import { type Clock, plus, toSeconds } from '../runtime/clock.ts';
import { singleFlight } from '../runtime/single-flight.ts';
import { unlessAborted } from './aborting.ts';
import type { AccessToken, GetTokenRequest, GetTokenResponse } from './contract.ts';
import { JobberError, NoAccessTokenError } from './errors.ts';
import type { Invoke } from './invoke.ts';

export interface GetAccessTokenOptions {
  /** The access token that Jobber has just answered with 401: another one is wanted. */
  readonly rejectedToken?: string | undefined;
  /** Ends the waiting, not the invocation, which others may have joined. */
  readonly signal?: AbortSignal | undefined;
}

export type AccessTokens = ReturnType<typeof accessTokens>;

const CACHED_TOKENS = 1_000;
/** As `get-token` does: a token that lasts no longer is not kept. */
const LEAST_VALIDITY_S = 60;
const ANSWER_WITHIN_MS = 30_000;

/** Retryable, but not by a call that somebody waits for: a person has to act, or minutes have to pass. */
const FOR_LATER = new Set<string>(['client_rejected', 'rotation_in_doubt']);

/** The access tokens of this container: kept until shortly before they expire, asked for once by callers at once. */
export function accessTokens({
  invoke,
  clock,
}: {
  invoke: Invoke<GetTokenRequest, GetTokenResponse>;
  clock: Clock;
}) {
  const cache = new LRUCache<string, AccessToken>({ max: CACHED_TOKENS });
  const requests = singleFlight<AccessToken>();

  return {
    /** @throws NoAccessTokenError, GetTokenFailedError, or the reason of the signal */
    async get(
      accountId: string,
      { rejectedToken, signal }: GetAccessTokenOptions = {},
    ): Promise<AccessToken> {
      signal?.throwIfAborted();
      const cached = cache.get(accountId);
      if (cached?.accessToken === rejectedToken) cache.delete(accountId);
      else if (cached && cached.expiresAt > toSeconds(clock.now()) + LEAST_VALIDITY_S)
        return cached;

      // Who reports a rejected token must not join those who may still be given it.
      const joined = requests.join(JSON.stringify([accountId, rejectedToken]), () =>
        request(accountId, rejectedToken),
      );
      return unlessAborted(joined, signal);
    },

    /** The next call asks `get-token`. */
    forget(accountId: string): void {
      cache.delete(accountId);
    },
  };

  async function request(
    accountId: string,
    rejectedToken: string | undefined,
  ): Promise<AccessToken> {
    const giveUpAt = plus(clock.now(), ANSWER_WITHIN_MS);
    for (let attempt = 0; ; attempt++) {
      try {
        const response = await invoke({ accountId, rejectedToken }, giveUpAt - clock.now());
        if (!response.ok) throw new NoAccessTokenError(response.error);
        const { accessToken, expiresAt } = response;
        return remember({ accountId, accessToken, expiresAt });
      } catch (error) {
        const pause = backoff(attempt, 200, 5_000);
        if (!isWorthRepeating(error) || plus(clock.now(), pause) >= giveUpAt) throw error;
        await clock.sleep(pause);
      }
    }
  }

  /** An answer that was overtaken does not replace a newer token. */
  function remember(token: AccessToken): AccessToken {
    const known = cache.get(token.accountId);
    if (!known || known.expiresAt <= token.expiresAt) cache.set(token.accountId, token);
    return token;
  }
}

const isWorthRepeating = (error: unknown) =>
  error instanceof JobberError && error.retryable && !FOR_LATER.has(error.code);
