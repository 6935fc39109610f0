import { functions } from '../../functions/manifest.ts';
import {
  ESCROW,
  LEASE,
  PROBE_EVERY,
  PROMPT_PROBES,
  SLOW_ANSWER,
  STORE,
} from '../../shared/tokens/budgets.ts';
import { latencies, type Random } from './random.ts';
import { ITEM_WRITES, type Settings } from './settings.ts';

const seconds = (ms: number) => ms / 1_000;
const PROMPT = seconds(SLOW_ANSWER);
/** For how long a request waits that gets no answer. */
const LONGEST_WAIT = functions['refresh-connection'].timeoutSeconds - 1 - seconds(STORE + ESCROW);

export type Jobber = ReturnType<typeof simulatedJobber>;

/** The token endpoint, and the circuit breaker in front of it. Times may be fractions of a second. */
export function simulatedJobber({ outage }: Settings, random: Random) {
  const latency = latencies(random);
  /** How long a request takes that gets no token. */
  const failing = outage?.kind === 'silent' ? LONGEST_WAIT : 0.3;
  let opensAt = Number.POSITIVE_INFINITY;
  let closesAt = Number.POSITIVE_INFINITY;
  let probeFreeAt = 0;
  let probing: { endsAt: number; isPrompt: boolean; nextAt: number } | undefined;
  let prompt = 0;
  let writes = 0;
  let throttled = 0;
  let writesInLastSecond = 0;

  const isDown = (at: number) => outage !== undefined && at >= outage.from && at < outage.to;
  const isOpen = (at: number) => at >= opensAt && at < closesAt;

  /** A write of the breaker's item, which the SDK tries three times. */
  function isWritten(): boolean {
    writes++;
    return random() >= throttled ** 3;
  }

  return {
    failing,
    latency,
    isDown,
    isOpen,
    /** The share of the writes of the breaker's item that DynamoDB refused in the last second. */
    throttled: () => throttled,
    writes: () => writesInLastSecond,

    /** A request without an answer opens the breaker; a silent one after the first RENEW. */
    lost(at: number): void {
      if (opensAt <= at && at < closesAt) return;
      const notices = at + Math.min(failing, seconds(SLOW_ANSWER) + 1);
      if (opensAt <= notices && closesAt === Number.POSITIVE_INFINITY) return;
      opensAt = notices;
      closesAt = Number.POSITIVE_INFINITY;
      probeFreeAt = notices + seconds(PROBE_EVERY);
      prompt = 0;
    },

    /** While the breaker is open: whether this refresh may go as the probe. It reads that, and writes only if it may. */
    takesProbe(at: number): boolean {
      const isFree = at >= probeFreeAt;
      return isFree && isWritten();
    },

    /** @returns seconds until the answer, or `undefined` if none came */
    probe(at: number): number | undefined {
      const fails = isDown(at);
      const took = fails ? failing : latency();
      const isPrompt = !fails && took < PROMPT;
      const nextAt = (fails ? at + took : at) + seconds(PROBE_EVERY);
      probing = { endsAt: at + took, isPrompt, nextAt };
      probeFreeAt = at + Math.max(took, seconds(LEASE));
      return fails ? undefined : took;
    },

    tick(now: number): void {
      // Refused attempts are repeated, which is more to refuse.
      const asked = writes * (1 + throttled + throttled ** 2);
      throttled = Math.max(0, 1 - ITEM_WRITES / Math.max(asked, 1));
      writesInLastSecond = asked;
      writes = 0;
      if (!probing || probing.endsAt > now) return;
      const { isPrompt, nextAt, endsAt } = probing;
      probing = undefined;
      if (!isWritten()) return;
      probeFreeAt = nextAt;
      prompt = isPrompt ? prompt + 1 : 0;
      if (prompt >= PROMPT_PROBES) closesAt = Math.max(endsAt, now);
    },
  };
}
