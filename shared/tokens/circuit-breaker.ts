import { randomBytes } from 'node:crypto';
import { type Clock, type EpochMs, plus } from '../runtime/clock.ts';
import { singleFlight } from '../runtime/single-flight.ts';
import type { BreakerItem } from './breaker-item.ts';
import { LEASE, PROBE_EVERY, SLOW_ANSWER } from './budgets.ts';
import { RefreshPausedError, whileNothingIsUnsaved } from './errors.ts';

/** `ahead`: the current token still lasts, so the refresh can wait. `now`: a caller has no other token. */
export type Urgency = 'ahead' | 'now';

/**
 * How a request to the token endpoint ended, for the one who asks whether the endpoint works. A refusal shows nothing: a
 * server that loses what it commits refuses promptly, too.
 */
export type Ending =
  /** With a new token. */
  | 'rotated'
  /** It was sent, and no answer came: a rotation that it made is lost. */
  | 'lost'
  /** With no answer, but the endpoint redeemed nothing either. */
  | 'harmless';

/** One refresh that the breaker lets go. No method rejects. */
export interface Passage {
  /** A request is about to be sent. Do not send it if this is false: a stall has outlasted the place of the probe. */
  sending(): boolean;
  /** Its answer has been out for {@link SLOW_ANSWER}, or a multiple of that. */
  slow(): Promise<void>;
  /** @param took milliseconds from sending the request to the end of its answer */
  ended(ending: Ending, took: number): Promise<void>;
  /** Whether the same token may be sent again after a lost answer: as the probe. */
  again(): Promise<boolean>;
  /** No further request will be sent. */
  leave(): Promise<void>;
}

/** The right to probe. */
interface Place {
  readonly id: string;
  /** Counted from before it was asked for. A probe whose answer is late keeps the item's time on, and needs this one no more. */
  readonly endsAt: EpochMs;
}

export type CircuitBreaker = ReturnType<typeof circuitBreaker>;

/**
 * A circuit breaker in front of the token endpoint. Lost answers are the one way to lose a fleet: each may be a rotation that
 * nobody can save. So the first answer that is lost, or out for long, opens the breaker for every process. While it is open,
 * no refresh ahead of expiry begins. One probe at a time, and at most one in {@link PROBE_EVERY}, finds out whether the
 * endpoint is back. {@link PROMPT_PROBES} prompt rotations in a row close the breaker: in a bad time, one answer may come by luck.
 *
 * A caller who needs a token now passes without a look at the item, unless this process has itself seen an answer
 * lost. Then its request would most likely lose the connection and bring no token, so it goes as the probe or not at all.
 */
export function circuitBreaker({ item, clock }: { item: BreakerItem; clock: Clock }) {
  const looks = singleFlight<Awaited<ReturnType<BreakerItem['look']>>>();
  let hasSeenLoss = false;
  let lastPromptAnswer = 0 as EpochMs;
  /** The first refresh ahead of expiry while this process knows nothing of the endpoint. The others wait for its answer. */
  let scout: Promise<void> | undefined;

  return { enter };

  /** @throws RefreshPausedError, TableUnavailableError. Nothing has been sent then. */
  async function enter(urgency: Urgency): Promise<Passage> {
    if (urgency === 'now' && !hasSeenLoss) return passage({});
    for (;;) {
      const state = await look();
      if (state === 'open') throw new RefreshPausedError();
      if (state === 'probe is due') return passage({ probe: await takeProbe() });
      hasSeenLoss = false;
      const isKnown = plus(lastPromptAnswer, PROBE_EVERY) > clock.now();
      if (isKnown || urgency === 'now') return passage({});
      if (!scout) return scouting();
      await scout;
    }
  }

  /** Who has seen a loss knows more than an old answer. */
  function look() {
    const isConsistent = hasSeenLoss;
    return whileNothingIsUnsaved(
      looks.join(String(isConsistent), () => item.look(clock.now(), isConsistent)),
    );
  }

  function scouting(): Passage {
    const { promise, resolve } = Promise.withResolvers<void>();
    scout = promise;
    const onKnown = () => {
      if (scout === promise) scout = undefined;
      resolve();
    };
    return passage({ onKnown });
  }

  /** @returns the place of the probe, or `undefined` if the breaker is closed by now */
  async function takeProbe(): Promise<Place | undefined> {
    const now = clock.now();
    const id = randomBytes(9).toString('base64url');
    const answer = await whileNothingIsUnsaved(item.takeProbe(id, now));
    if (answer === 'refused') throw new RefreshPausedError();
    if (answer === 'closed') hasSeenLoss = false;
    return answer === 'taken' ? { id, endsAt: plus(now, LEASE) } : undefined;
  }

  /** @param onKnown called when the passage shows how the endpoint is, or ends */
  function passage({
    probe,
    onKnown = () => undefined,
  }: {
    probe?: Place | undefined;
    onKnown?: () => void;
  }): Passage {
    let sentAt: EpochMs | undefined;
    let isReportedSlow = false;

    /** An old request says nothing about the endpoint that has answered promptly since. */
    const isNews = () => sentAt !== undefined && sentAt >= lastPromptAnswer;

    return {
      sending() {
        const now = clock.now();
        if (probe !== undefined && probe.endsAt <= now) return false;
        sentAt = now;
        isReportedSlow = false;
        return true;
      },
      async slow() {
        // A probe whose answer is late keeps its place, as a holder keeps its lease.
        if (probe !== undefined) await quietly(item.holdProbe(probe.id, plus(clock.now(), LEASE)));
        else if (!isReportedSlow && isNews()) await quietly(item.open(clock.now()));
        isReportedSlow = true;
        onKnown();
      },
      async ended(ending, took) {
        const now = clock.now();
        const isPrompt = ending === 'rotated' && took < SLOW_ANSWER;
        if (ending === 'lost' && isNews()) {
          hasSeenLoss = true;
          if (probe === undefined) await quietly(item.open(now));
        }
        if (isPrompt) lastPromptAnswer = now;
        if (probe !== undefined && (ending === 'lost' || ending === 'rotated')) {
          const nextProbe = plus(ending === 'lost' ? now : (sentAt ?? now), PROBE_EVERY);
          await quietly(
            isPrompt ? item.succeeded(probe.id, nextProbe) : item.failed(probe.id, nextProbe),
          );
          probe = undefined;
        }
        onKnown();
      },
      again: () =>
        takeProbe().then(
          (place) => {
            probe = place;
            return true;
          },
          () => false,
        ),
      async leave() {
        onKnown();
        if (probe === undefined) return;
        const nextProbe = sentAt === undefined ? clock.now() : plus(sentAt, PROBE_EVERY);
        await quietly(item.holdProbe(probe.id, nextProbe));
      },
    };
  }
}

/** The item is a help, not a condition: what is unsaved must not wait for it. */
const quietly = (write: Promise<void>) => write.catch(() => undefined);
