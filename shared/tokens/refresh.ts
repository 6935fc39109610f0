import { randomBytes } from 'node:crypto';
import { type EpochMs, plus } from '../runtime/clock.ts';
import { awaitEscrow } from './await-escrow.ts';
import * as budget from './budgets.ts';
import type { CircuitBreaker, Passage, Urgency } from './circuit-breaker.ts';
import {
  type ActiveConnection,
  type Connection,
  clientDigest,
  type LapsedConnection,
  type Lease,
} from './connection.ts';
import type { Claim, DueWhen } from './connection-table.ts';
import { isDue, isPaused } from './decide.ts';
import { type HeldConnection, leaseEndings } from './end-lease.ts';
import {
  ClientRejectedError,
  DeadlineTooCloseError,
  ReconnectRequiredError,
  RefreshInProgressError,
  RefreshOutcomeUnknownError,
  RotationInDoubtError,
  SecretsUnavailableError,
  whileNothingIsUnsaved,
} from './errors.ts';
import { redeemHeld } from './redeem.ts';
import { type KeyRing, type RootKey, UnsealableError, unseal } from './sealing.ts';
import { type StoreDependencies, storeAnswer } from './store-rotation.ts';
import type { Redeem, TokenEndpoint, TokenPair } from './token-endpoint.ts';

export interface RefreshDependencies extends StoreDependencies {
  readonly endpoint: TokenEndpoint;
  readonly breaker: CircuitBreaker;
  readonly keys: KeyRing;
}

export interface RefreshRequest {
  readonly due: DueWhen;
  readonly urgency: Urgency;
  /** When everything must be over, STORE and ESCROW included. */
  readonly deadline: EpochMs;
}

export interface AppealRequest {
  readonly deadline: EpochMs;
  /** Do not wait until the appeal's own time. */
  readonly atOnce?: boolean;
}

export type Refreshed =
  /** We redeemed, and our rotation is stored; `before` is what it replaced. */
  | ({ readonly kind: 'rotated'; readonly before: ActiveConnection | LapsedConnection } & TokenPair)
  /** There is nothing to redeem; what the table holds now decides. */
  | { readonly kind: 'adopt'; readonly found: Connection | undefined }
  /** Another invocation holds the lease. */
  | { readonly kind: 'busy'; readonly found: ActiveConnection };

/** All that redeeming takes, loaded before a lease is taken. */
interface Prepared {
  readonly redeem: Redeem;
  readonly clientId: string;
  readonly sealingKey: RootKey;
  readonly passage: Passage;
  readonly deadline: EpochMs;
}

/**
 * The rotation protocol: CLAIM the right to redeem, REDEEM the refresh token, STORE its successor; and
 * before any verdict on a refused token, read again what the table holds.
 */
export function refreshProtocol(dependencies: RefreshDependencies) {
  const { table, endpoint, breaker, keys, clock, telemetry } = dependencies;
  const { adopt, giveUp, judgeRefusal } = leaseEndings(dependencies);

  return { refresh, appeal };

  /** Refreshes the connection if it is due. @throws AnyTokenError */
  function refresh(
    accountId: string,
    { due, urgency, deadline }: RefreshRequest,
  ): Promise<Refreshed> {
    return prepared(urgency, deadline, async (ready) => {
      const claim = await claimLease(accountId, (...lease) =>
        table.claim(accountId, ...lease, due),
      );
      if (claim.held) return rotate(claim.held, ready);
      const { found } = claim;
      if (found?.status !== 'active' || !isDue(found, due)) return adopt(found);
      if (isPaused(found, clock.now())) throw new RotationInDoubtError();
      return { kind: 'busy', found };
    });
  }

  /**
   * Tries the token of a connection that needs its admin once more, if that is due: Jobber may have refused it by mistake.
   * It costs a dead token nothing to be refused again. @throws AnyTokenError
   */
  async function appeal(accountId: string, { deadline, atOnce }: AppealRequest): Promise<void> {
    const found = await whileNothingIsUnsaved(table.get(accountId));
    if (found?.status !== 'reconnect_required' || found.appealAt === undefined) return;
    if (!atOnce && found.appealAt > clock.now()) return;
    await prepared('ahead', deadline, async (ready) => {
      const claim = await claimLease(accountId, (...lease) => table.claimAppeal(found, ...lease));
      if (claim.held) await rotate(claim.held, ready);
      else if (claim.found?.status === 'reconnect_required') throw new RefreshInProgressError();
    });
  }

  /** Loads everything that can fail before a token is spent, and asks the breaker. */
  async function prepared<T>(
    urgency: Urgency,
    deadline: EpochMs,
    work: (ready: Prepared) => Promise<T>,
  ): Promise<T> {
    const [client, sealingKey] = await secretsOf(Promise.all([endpoint.prepare(), keys.current()]));
    const passage = await breaker.enter(urgency);
    try {
      if (plus(clock.now(), budget.SPENDING) > deadline) throw new DeadlineTooCloseError();
      return await work({ ...client, sealingKey, passage, deadline });
    } finally {
      await passage.leave();
    }
  }

  async function claimLease(
    accountId: string,
    claim: (lease: Lease, now: EpochMs) => Promise<Claim<ActiveConnection | LapsedConnection>>,
  ): Promise<{ held: HeldConnection } | { held?: never; found: Connection | undefined }> {
    // Counted from before the request, so that a lease never seems to last longer than it does.
    const now = clock.now();
    const leaseId = randomBytes(12).toString('base64url');
    const leaseExpiresAt = plus(now, budget.LEASE);
    const result = await whileNothingIsUnsaved(
      claim({ id: leaseId, expiresAt: leaseExpiresAt }, now),
    );
    if (!result.claimed) return { found: result.found };
    const { before, abandoned } = result;
    const { refreshToken } = before;
    return { held: { accountId, before, abandoned, refreshToken, leaseId, leaseExpiresAt } };
  }

  async function rotate(held: HeldConnection, ready: Prepared): Promise<Refreshed> {
    const { before, abandoned } = held;
    if (isOfAnotherClient(before.issuedTo, ready.clientId)) {
      telemetry.count('ClientRejected');
      return giveUp(held, { abandoned, unanswered: false }, new ClientRejectedError());
    }
    const refreshToken = await openRefreshToken(held);
    const owner = await ownerOf(before);
    const arrived = abandoned ? await awaitEscrow(dependencies, held) : undefined;
    if (arrived) return adopt(arrived.found);

    const { redemption, unanswered, took } = await redeemHeld(dependencies, held, {
      ...ready,
      refreshToken,
    });
    const evidence = { abandoned, unanswered };
    try {
      switch (redemption?.outcome) {
        case 'rotated': {
          const { outcome: _, ...pair } = redemption;
          if (isOfAnotherAccount(pair, owner)) {
            telemetry.count('ForeignTokens');
            const error = new RefreshOutcomeUnknownError(
              'it answered with tokens of another account',
            );
            return await giveUp(held, { abandoned, unanswered: true }, error);
          }
          // Nothing that can fail stands between the answer and the first attempt to store it.
          const result = await storeAnswer(
            dependencies,
            held,
            refreshToken,
            pair,
            ready.sealingKey,
          );
          return result.stored ? { kind: 'rotated', before, ...pair } : adopt(result.found);
        }
        case 'refused':
          return await judgeRefusal(held, evidence);
        case 'client_rejected':
          telemetry.count('ClientRejected');
          return await giveUp(held, evidence, new ClientRejectedError());
        case 'unknown': {
          telemetry.count('RefreshUnknown');
          const { cause, retryAfterMs } = redemption;
          return await giveUp(held, evidence, new RefreshOutcomeUnknownError(cause, retryAfterMs));
        }
        default:
          return await giveUp(held, evidence, new DeadlineTooCloseError());
      }
    } finally {
      if (redemption) telemetry.tokenEndpointLatency(took);
      // Lost answers were reported as they came, and a refusal shows nothing.
      if (redemption?.outcome === 'rotated') await ready.passage.ended('rotated', took);
    }
  }

  async function openRefreshToken(held: HeldConnection): Promise<string> {
    const { refreshToken, accountId, abandoned } = held;
    try {
      return await unseal(keys, refreshToken, accountId, 'refreshToken');
    } catch (error) {
      const isUnreadable = error instanceof UnsealableError;
      if (isUnreadable) telemetry.count('ReconnectRequired');
      const reason = isUnreadable
        ? new ReconnectRequiredError('unreadable', { cause: error })
        : (error as SecretsUnavailableError);
      await giveUp(held, { abandoned, unanswered: false }, reason);
      throw reason;
    }
  }

  /** The account that the present access token says it is for, if it is readable and says so. */
  async function ownerOf({ accountId, accessToken }: ActiveConnection | LapsedConnection) {
    const opened =
      accessToken &&
      (await unseal(keys, accessToken, accountId, 'accessToken').catch(() => undefined));
    return opened && endpoint.accountOf(opened);
  }

  /** A token of another customer must neither be stored nor handed out. Servers have mixed up answers. */
  function isOfAnotherAccount({ accessToken }: TokenPair, owner: string | undefined): boolean {
    const account = accessToken && endpoint.accountOf(accessToken);
    return owner !== undefined && account !== undefined && account !== owner;
  }
}

/**
 * A refresh token is bound to the client it was issued to (RFC 6749, section 6). With the credentials of
 * another app, which a bad deploy brings, it would be refused, and the connection marked for it.
 */
const isOfAnotherClient = (issuedTo: string | undefined, clientId: string) =>
  issuedTo !== undefined && issuedTo !== clientDigest(clientId);

/** Find out that a secret cannot be read before a token is spent. */
function secretsOf<T>(call: Promise<T>): Promise<T> {
  return call.catch((cause: unknown) => {
    throw new SecretsUnavailableError(cause);
  });
}
