import { randomBytes } from 'node:crypto';
import { backoff } from '../runtime/backoff.ts';
import { type EpochMs, plus, toSeconds } from '../runtime/clock.ts';
import * as budget from './budgets.ts';
import {
  type ActiveConnection,
  type Connection,
  clientDigest,
  hasRefreshToken,
  isDisconnecting,
  type Lease,
} from './connection.ts';
import type { Due, Held, Written } from './connection-table.ts';
import {
  ClientRejectedError,
  DeadlineTooCloseError,
  DisconnectedError,
  type ReconnectReason,
  ReconnectRequiredError,
  RefreshOutcomeUnknownError,
  RotationInDoubtError,
  SecretsUnavailableError,
  type TokenError,
  withNothingAtHand,
} from './errors.ts';
import {
  isSealedWith,
  type KeyRing,
  type RootKey,
  sameSealed,
  seal,
  UnsealableError,
  unseal,
} from './sealing.ts';
import { type StoreDependencies, storeRotation } from './store-rotation.ts';
import type { Redeem, Redemption, TokenEndpoint, TokenPair } from './token-endpoint.ts';

export interface RefreshDependencies extends StoreDependencies {
  readonly endpoint: TokenEndpoint;
  readonly keys: KeyRing;
}

export type Refreshed =
  /** We redeemed, and our rotation is stored. */
  | ({ readonly kind: 'rotated' } & TokenPair)
  /** There is nothing to redeem; what the table holds now decides. */
  | { readonly kind: 'adopt'; readonly found: Connection | undefined }
  /** Another invocation holds the lease. */
  | { readonly kind: 'busy'; readonly found: ActiveConnection };

/**
 * A refresh token is bound to the client it was issued to (RFC 6749, section 6). With the credentials of
 * another app, which a bad deploy brings, it would be refused, and the connection marked for it.
 */
const isOfAnotherClient = (issuedTo: string | undefined, clientId: string) =>
  issuedTo !== undefined && issuedTo !== clientDigest(clientId);

type Refusal = Extract<ReconnectReason, 'rotation_lost' | 'revoked'>;
type UnknownOutcome = Extract<Redemption, { outcome: 'unknown' }>;

interface HeldLease extends Held {
  readonly leaseExpiresAt: EpochMs;
  /** The lease was taken over from a holder that never ended it, and that may still store. */
  readonly abandoned: boolean;
  readonly due: Due;
  readonly deadline: EpochMs;
}

/**
 * The rotation protocol: CLAIM the right to redeem, REDEEM the refresh token, STORE its successor; and
 * before any verdict on a refused token, read again what the table holds.
 */
export function refreshProtocol(dependencies: RefreshDependencies) {
  const { table, endpoint, keys, clock, telemetry } = dependencies;

  /** Refreshes the connection if it is due. @throws AnyTokenError */
  return async function refresh(
    accountId: string,
    due: Due,
    deadline: EpochMs,
  ): Promise<Refreshed> {
    const [{ redeem, clientId }, sealingKey] = await secretsOf(
      Promise.all([endpoint.prepare(), keys.current()]),
    );
    const doneBy = plus(clock.now(), budget.SPENDING);
    if (doneBy > deadline) throw new DeadlineTooCloseError();

    const claim = await claimLease(accountId, due);
    if (!claim.claimed) return whoElse(claim.now, due);
    const held: HeldLease = { ...claim, accountId, due, deadline };

    if (isOfAnotherClient(claim.issuedTo, clientId)) {
      telemetry.count('ClientRejected');
      return giveUp(held, false, new ClientRejectedError());
    }
    const refreshToken = await unsealOrRelease(held);
    const { redemption, unanswered, took } = await redeemWithinLease(held, redeem, refreshToken);
    if (!redemption) return giveUp(held, false, new DeadlineTooCloseError());
    try {
      switch (redemption.outcome) {
        case 'rotated':
          return await keep(held, refreshToken, redemption, sealingKey);
        case 'refused':
          return await judgeRefusal(held, unanswered);
        case 'client_rejected':
          telemetry.count('ClientRejected');
          return await giveUp(held, unanswered, new ClientRejectedError());
        case 'unknown':
          telemetry.count('RefreshUnknown');
          return await giveUp(held, unanswered, unknownOutcome(redemption));
      }
    } finally {
      telemetry.tokenEndpointLatency(took);
    }
  };

  async function claimLease(accountId: string, due: Due) {
    const now = clock.now();
    const lease: Lease = {
      id: randomBytes(12).toString('base64url'),
      expiresAt: plus(now, budget.LEASE),
    };
    const claim = await withNothingAtHand(table.claim(accountId, lease, due, now));
    return claim.claimed
      ? {
          claimed: true as const,
          abandoned: claim.abandoned,
          redeemed: claim.before.refreshToken,
          issuedTo: claim.before.issuedTo,
          leaseId: lease.id,
          leaseExpiresAt: lease.expiresAt,
        }
      : claim;
  }

  /** The claim failed: the connection is no longer due, no longer active, or leased. */
  function whoElse(found: Connection | undefined, due: Due): Refreshed {
    return found?.status === 'active' && isDue(found, due) ? { kind: 'busy', found } : adopt(found);
  }

  async function unsealOrRelease(held: HeldLease): Promise<string> {
    try {
      return await unseal(keys, held.redeemed, held.accountId, 'refreshToken');
    } catch (error) {
      await release(held, false);
      if (!(error instanceof UnsealableError)) throw error;
      telemetry.count('ReconnectRequired');
      throw new ReconnectRequiredError('unreadable', { cause: error });
    }
  }

  /** Tries until there is an answer, or no further attempt and what follows it would fit the lease. */
  async function redeemWithinLease(held: HeldLease, redeem: Redeem, refreshToken: string) {
    const answerBy = Math.min(held.deadline, held.leaseExpiresAt) - budget.STORE - budget.ESCROW;
    const lastStart = answerBy - budget.REDEEM;
    let redemption: Redemption | undefined;
    let unanswered = false;
    let took = 0;
    for (let attempt = 0; clock.now() <= lastStart; attempt++) {
      const sent = clock.now();
      // To give up on a slow answer while there is time would throw a rotation away.
      redemption = await redeem(refreshToken, answerBy - sent).catch(brokenEndpoint);
      took = clock.now() - sent;
      if (redemption.outcome !== 'unknown') break;

      unanswered ||= redemption.maybeRedeemed;
      const pause = Math.max(redemption.retryAfterMs ?? 0, backoff(attempt, 250, 2_000));
      if (clock.now() + pause > lastStart) break;
      await clock.sleep(pause);
    }
    return { redemption, unanswered, took };
  }

  /** Nothing that can fail stands between the answer and the first attempt to store it. */
  async function keep(
    { accountId, redeemed }: HeldLease,
    sent: string,
    pair: TokenPair,
    key: RootKey,
  ): Promise<Refreshed> {
    // Who has redeemed the same token, and was given a successor, must still find it at STORE.
    const isUnchanged = pair.refreshToken === sent && isSealedWith(key, redeemed);
    const successor = {
      accessToken: seal(key, pair.accessToken, accountId, 'accessToken'),
      refreshToken: isUnchanged
        ? redeemed
        : seal(key, pair.refreshToken, accountId, 'refreshToken'),
      accessTokenExpiresAt: pair.expiresAt,
      refreshedAt: toSeconds(clock.now()),
    };
    const kept = await storeRotation(dependencies, { accountId, redeemed, successor });
    return kept.superseded ? adopt(kept.by) : { kind: 'rotated', ...pair };
  }

  /** REFUSED: who else may have redeemed the token, and may that one still store? */
  async function judgeRefusal(held: HeldLease, unanswered: boolean): Promise<Refreshed> {
    const found = await withNothingAtHand(table.get(held.accountId));
    if (found?.status !== 'active' || !hasRefreshToken(found, held.redeemed)) return adopt(found);

    const { inDoubtSince, unconfirmedAt } = found;
    const graceIsOver =
      inDoubtSince !== undefined && plus(inDoubtSince, budget.GRACE) <= clock.now();
    if (held.abandoned || (inDoubtSince !== undefined && !graceIsOver)) {
      return giveUp(held, unanswered, new RotationInDoubtError());
    }
    const somebodyRedeemed = graceIsOver || unanswered || unconfirmedAt !== undefined;
    const reason = somebodyRedeemed ? 'rotation_lost' : 'revoked';
    return isDisconnecting(found) ? endRefused(held, found, reason) : lapse(held, reason);
  }

  async function lapse(held: HeldLease, reason: Refusal): Promise<Refreshed> {
    const at = clock.now();
    const verdict = await withNothingAtHand(table.lapse(held, reason, at));
    if (!verdict.written && !isLapsedSince(verdict.now, at)) {
      const { now: found } = verdict;
      return found?.status === 'active' && isDisconnecting(found)
        ? endRefused(held, found, reason)
        : adoptOr(held, found, new RotationInDoubtError());
    }
    telemetry.count('ReconnectRequired');
    throw new ReconnectRequiredError(reason);
  }

  /**
   * The grant was to end anyway, and to remember why it did would forget that. If it lives on and only the token's
   * successor is lost, an access token that lasts can still end it: with that one, sweeps go on.
   */
  async function endRefused(
    held: HeldLease,
    found: ActiveConnection,
    reason: Refusal,
  ): Promise<Refreshed> {
    const canTell = !isDue(found, { ...held.due, horizon: toSeconds(clock.now()) });
    if (reason === 'rotation_lost' && canTell)
      return giveUp(held, true, new RotationInDoubtError());
    const verdict = await withNothingAtHand(table.lapseDisconnecting(held, clock.now()));
    if (!verdict.written) return adoptOr(held, verdict.now, new RotationInDoubtError());
    throw new DisconnectedError();
  }

  /** Ends the lease without a rotation; the connection stays active. */
  async function giveUp(
    held: HeldLease,
    unanswered: boolean,
    error: TokenError,
  ): Promise<Refreshed> {
    const released = await release(held, unanswered);
    if (released && !released.written) return adoptOr(held, released.now, error);
    throw error;
  }

  /** Without a reply the lease ends by itself, and whoever takes it over is as careful as needed. */
  async function release(held: HeldLease, unanswered: boolean): Promise<Written | undefined> {
    const now = clock.now();
    return table
      .release(held, {
        inDoubtSince: held.abandoned ? now : undefined,
        unconfirmedAt: unanswered ? now : undefined,
      })
      .catch(() => undefined);
  }

  function adoptOr(held: HeldLease, found: Connection | undefined, error: TokenError): Refreshed {
    if (found?.status === 'active' && hasRefreshToken(found, held.redeemed)) throw error;
    return adopt(found);
  }

  function adopt(found: Connection | undefined): Refreshed {
    if (found?.status === 'active') telemetry.count('RefreshAdopted');
    return { kind: 'adopt', found };
  }
}

function isDue(connection: ActiveConnection, due: Due): boolean {
  return (
    connection.accessTokenExpiresAt <= due.horizon ||
    sameSealed(connection.accessToken, due.rejected)
  );
}

/** Our own verdict, recognised by its time: the SDK's retry fails when only the reply was lost. */
const isLapsedSince = (found: Connection | undefined, at: EpochMs) =>
  found?.status === 'reconnect_required' && found.statusChangedAt === at;

/** A secret that cannot be read is found out before a token is spent. */
function secretsOf<T>(call: Promise<T>): Promise<T> {
  return call.catch((cause: unknown) => {
    throw new SecretsUnavailableError(cause);
  });
}

const unknownOutcome = ({ cause, retryAfterMs }: UnknownOutcome) =>
  new RefreshOutcomeUnknownError(cause, retryAfterMs);

/** An endpoint that throws breaks its contract; the token may be spent all the same. */
const brokenEndpoint = (): Redemption => ({
  outcome: 'unknown',
  maybeRedeemed: true,
  cause: 'unexpected error',
});
