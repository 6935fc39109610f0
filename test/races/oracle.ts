import { type ActiveConnection, isDisconnecting } from '../../shared/tokens/connection.ts';
import { TokenError } from '../../shared/tokens/errors.ts';
import type { Redemption } from '../../shared/tokens/token-endpoint.ts';
import type { IssuedToken } from '../../shared/tokens/token-helper.ts';
import type { AuthorizationServer } from './authorization-server.ts';
import type { Actor, Outcome } from './world.ts';

/** What must hold, by name. */
export const INVARIANTS = [
  'the stored token is live, unless a crash or a lost answer took its successor',
  'a token is sent once, unless somebody crashed, stalled or got no answer',
  'one redemption per lease',
  'no verdict while a live token is stored, in hand or in escrow',
  'revoked only if nobody redeemed the token',
  'rotation_lost only if a redemption was lost',
  'a disconnected connection stays so',
  'a disconnect that has begun is not forgotten',
  'a disconnect deletes no token that can still tell the server',
  'a new grant is never overwritten',
  'every caller got a valid token or a typed error',
  'in peace, every caller got a token',
  'what is lost is recorded, and what is not recovers by itself',
] as const;
export type Invariant = (typeof INVARIANTS)[number];

interface Custody {
  readonly sent: string;
  readonly successor: string;
  readonly holder: Actor;
  /** The process that held it died, or never heard of it. */
  lost: boolean;
  escrowed: boolean;
}

interface Seen {
  readonly stored: ActiveConnection | undefined;
  /** The stored refresh token, opened. */
  readonly storedToken: string | undefined;
  /** Opens the stored access token. */
  readonly storedAccessToken: () => string | undefined;
}

/** Knows everything that no process knows, and so can tell right from wrong. */
export class Oracle {
  readonly violations = new Set<Invariant>();
  readonly #server: AuthorizationServer;
  readonly #see: () => Seen;
  readonly #custody: Custody[] = [];
  readonly #sent = new Map<string, number>();
  readonly #perLease = new Map<string, { redeemed: number; unanswered: number }>();
  readonly #leases = new Map<Actor, string>();
  #grantId: string | undefined;
  #grantOfToken: string | undefined;
  #status: string | undefined;
  faults = 0;
  stalls = 0;
  revokedByAdmin = false;
  disconnected = false;
  /** A disconnect from our side has begun: callers may be told so. */
  disconnectAsked = false;
  #disconnecting: string | undefined;
  /** The access token of the connection that is being disconnected. */
  #canTell: string | undefined;

  constructor(server: AuthorizationServer, see: () => Seen) {
    this.#server = server;
    this.#see = see;
  }

  granted(): void {
    const { stored, storedToken } = this.#see();
    this.#grantId = stored?.grantId;
    this.#grantOfToken = storedToken?.split('.')[0];
    this.disconnected = false;
    // A new connect puts an end to it, even if an earlier one of the same millisecond is written again.
    if (this.#grantId !== this.#disconnecting) this.#disconnecting = undefined;
  }

  marked(): void {
    this.disconnectAsked = true;
    this.#disconnecting = this.#see().stored?.grantId;
  }

  claimed(actor: Actor): void {
    const { leaseId } = this.#see().stored ?? {};
    this.#leases.set(actor, `${actor.name} ${leaseId}`);
  }

  redeemed(actor: Actor, sent: string, answer: Redemption): void {
    const isKept = answer.outcome === 'rotated' && answer.refreshToken === sent;
    if (!isKept) this.#sent.set(sent, (this.#sent.get(sent) ?? 0) + 1);
    if (answer.outcome !== 'rotated' || isKept) return;
    this.#custody.push({
      sent,
      successor: answer.refreshToken,
      holder: actor,
      lost: false,
      escrowed: false,
    });
    const lease = this.#lease(actor);
    lease.redeemed++;
    if (lease.redeemed > 1 + lease.unanswered) this.#violate('one redemption per lease');
  }

  escrowed(actor: Actor): void {
    for (const each of this.#heldBy(actor)) each.escrowed = true;
  }

  /** After each step: `written` if it changed the table. */
  stepped(actor: Actor, label: string, outcome: Outcome): void {
    if (outcome !== 'ok') this.faults++;
    if (label === 'redeem' && (outcome === 'error-after' || outcome === 'error-before')) {
      this.#lease(actor).unanswered++;
    }
    const unheard = outcome === 'crash' || (label === 'redeem' && outcome === 'error-after');
    if (unheard) for (const each of this.#heldBy(actor)) if (!each.escrowed) each.lost = true;
    this.#judgeVerdict();
    this.#assertKept();
    this.#assertTold();
    if (actor.state === 'done') this.#assertAnswer(actor);
  }

  /** Every process has ended or is dead, and the escrow is empty. */
  quiet(actors: readonly Actor[]): void {
    if (!this.#isStoredLive() && !this.#isExcused()) {
      this.#violate('the stored token is live, unless a crash or a lost answer took its successor');
    }
    if (this.faults + this.stalls > 0) return;
    // A token that was only ever refused may be sent again: a verdict needs two refusals.
    const wasRedeemed = (token: string) => this.#custody.some(({ sent }) => sent === token);
    if ([...this.#sent].some(([token, times]) => times > 1 && wasRedeemed(token))) {
      this.#violate('a token is sent once, unless somebody crashed, stalled or got no answer');
    }
    const isPeace = !this.revokedByAdmin && !this.disconnected && !this.disconnectAsked;
    if (isPeace && actors.some(({ result }) => result instanceof Error && !isBusySweep(result))) {
      this.#violate('in peace, every caller got a token');
    }
  }

  /** Later callers have come and gone. */
  end(last: Actor): void {
    const { stored } = this.#see();
    const gotToken = last.state === 'done' && !(last.result instanceof Error);
    const isRight = this.disconnected
      ? stored?.status !== 'active'
      : stored && isDisconnecting(stored)
        ? (last.result as { code?: string }).code === 'disconnected'
        : this.#isStoredLive()
          ? stored?.status === 'active' && gotToken
          : (stored?.status as string) === 'reconnect_required';
    if (!isRight) this.#violate('what is lost is recorded, and what is not recovers by itself');
  }

  #judgeVerdict(): void {
    const { stored, storedToken } = this.#see();
    const verdict = stored as unknown as { status: string; statusReason?: string } | undefined;
    const isNew = verdict?.status === 'reconnect_required' && this.#status !== verdict.status;
    this.#status = verdict?.status;
    if (!isNew) return;
    const isInHand = this.#custody.some(
      ({ lost, successor, holder, escrowed }) =>
        !lost && this.#server.isLive(successor) && (escrowed || holder.state === 'running'),
    );
    if (isInHand || this.#isStoredLive()) {
      this.#violate('no verdict while a live token is stored, in hand or in escrow');
    }
    const wasRedeemed = this.#custody.some(({ sent }) => sent === storedToken);
    if (verdict.statusReason === 'revoked' && wasRedeemed) {
      this.#violate('revoked only if nobody redeemed the token');
    }
    // After a crash or a lost answer nobody can tell a revoked token from a redeemed one.
    const isUnclear = (this.revokedByAdmin || this.disconnected) && this.faults + this.stalls > 0;
    if (verdict.statusReason === 'rotation_lost' && !wasRedeemed && !isUnclear) {
      this.#violate('rotation_lost only if a redemption was lost');
    }
  }

  #assertKept(): void {
    const { stored, storedToken } = this.#see();
    if (this.disconnected && (stored?.status as string) !== 'disconnected') {
      this.#violate('a disconnected connection stays so');
    }
    const isForgotten =
      stored !== undefined &&
      stored.grantId === this.#disconnecting &&
      stored.disconnectingSince === undefined &&
      (stored.status as string) !== 'disconnected';
    if (isForgotten) this.#violate('a disconnect that has begun is not forgotten');
    const isKept =
      stored?.grantId === this.#grantId &&
      (storedToken === undefined || storedToken.split('.')[0] === this.#grantOfToken);
    if (!isKept) this.#violate('a new grant is never overwritten');
  }

  #assertTold(): void {
    const { stored, storedAccessToken } = this.#see();
    const hasEnded = (stored?.status as string | undefined) === 'disconnected';
    if (hasEnded && this.#canTell && this.#server.accepts(this.#canTell)) {
      this.#violate('a disconnect deletes no token that can still tell the server');
    }
    this.#canTell = stored && isDisconnecting(stored) ? storedAccessToken() : undefined;
  }

  #assertAnswer({ result }: Actor): void {
    if (result === undefined || typeof result === 'string') return;
    const isTyped = result instanceof TokenError;
    const { accessToken } = result as Partial<IssuedToken>;
    const isToken = accessToken !== undefined && /^A\d+\.\d+$/.test(accessToken);
    if (!isTyped && !isToken) this.#violate('every caller got a valid token or a typed error');
  }

  #isStoredLive(): boolean {
    const { storedToken } = this.#see();
    return storedToken !== undefined && this.#server.isLive(storedToken);
  }

  #isExcused(): boolean {
    const { stored, storedToken } = this.#see();
    const isLost = this.#custody.some(({ sent, lost }) => lost && sent === storedToken);
    const killedByReuse = this.#server.model === 'reuse-revokes' && this.faults + this.stalls > 0;
    return !stored || this.disconnected || this.revokedByAdmin || isLost || killedByReuse;
  }

  #lease(actor: Actor) {
    const key = this.#leases.get(actor) ?? actor.name;
    const known = this.#perLease.get(key) ?? { redeemed: 0, unanswered: 0 };
    this.#perLease.set(key, known);
    return known;
  }

  #heldBy(actor: Actor): Custody[] {
    return this.#custody.filter(({ holder }) => holder === actor);
  }

  #violate(invariant: Invariant): void {
    this.violations.add(invariant);
  }
}

/** A sweep does not wait for another holder: its message comes again. */
const isBusySweep = (error: Error) => (error as { code?: string }).code === 'refresh_in_progress';
