import { type Fleet, IN_USE, WARM } from './fleet.ts';
import type { Jobber } from './jobber.ts';
import type { Measures } from './measures.ts';
import { type Random, waitFor } from './random.ts';
import {
  CALLER_WAITS,
  GET_REFUSED,
  GET_STORED,
  type Settings,
  TABLE,
  TOKEN_LIFE,
} from './settings.ts';

/** A token that lasts no longer is refreshed for a caller (`getAccessToken`). */
const LEAST_VALIDITY = 60;
/** A caller's connection. The other connections that are in use wait for their token to run out. */
const CALLS = 4;
/** Of a refresh, beside the table's calls. */
const MEAN_LATENCY = 0.4;

/** How many attempts the client of a caller makes in each second of its 30: pauses of 0.2 s that double up to 5 s. */
const ATTEMPTS = attemptsBySecond();

function attemptsBySecond(): Float64Array {
  const attempts = new Float64Array(CALLER_WAITS + 1);
  for (let attempt = 0, at = 0; at < CALLER_WAITS; attempt++) {
    attempts[Math.floor(at)] = (attempts[Math.floor(at)] as number) + 1;
    at += 0.75 * Math.min(5, 0.2 * 2 ** attempt);
  }
  // Callers do not march in step: the attempts of the later seconds are spread over them.
  const rest = attempts.slice(5).reduce((sum, each) => sum + each, 0) / (CALLER_WAITS - 5);
  return attempts.map((each, second) => (second < 5 ? each : rest));
}

/**
 * The callers. A call whose token lasts changes nothing, so only the first call after a token has run out is simulated:
 * how long it is until then is the same, whenever one begins to wait (calls come by chance, independently).
 */
export function simulatedCallers(
  { expiresAt, flags }: Fleet,
  jobber: Jobber,
  counted: Measures,
  { connections, callsPerHour, getTokensAtOnce, minutes }: Settings,
  random: Random,
  onMoved: (isWarm: boolean) => void,
) {
  const next = new Int32Array(connections);
  /** By second: when to look at a connection again. */
  const looks = new Int32Array(minutes * 60 + 2).fill(-1);
  /** By the second in which they give up. */
  const waiting = new Int32Array(CALLER_WAITS + 1).fill(-1);
  const waitingCounts = new Uint32Array(CALLER_WAITS + 1);
  let inUse = 0;
  let containers = 0;
  /** Containers that have not seen Jobber lose an answer: they let a caller pass while the breaker is open. */
  let blind = 0;
  let refreshes = 0;
  let mostRefreshes = 0;

  function look(id: number, at: number): void {
    const second = Math.min(at, looks.length - 1);
    next[id] = looks[second] as number;
    looks[second] = id;
  }

  function awaitExpiry(id: number, now: number): void {
    flags[id] = (flags[id] as number) & ~CALLS;
    look(id, Math.max(now + 1, (expiresAt[id] as number) - LEAST_VALIDITY));
  }

  function awaitCall(id: number, now: number): void {
    flags[id] = (flags[id] as number) | CALLS;
    look(id, now + waitFor(callsPerHour, random));
  }

  const isGood = (id: number, now: number) => (expiresAt[id] as number) > now + LEAST_VALIDITY;

  function call(id: number, now: number): void {
    counted.add('callersWhoWaited');
    if (triesRefresh(id, now)) return;
    // A token that lasts a moment is handed out when its refresh fails.
    if ((expiresAt[id] as number) > now) {
      awaitCall(id, now);
      return;
    }
    const place = (now + CALLER_WAITS) % waiting.length;
    next[id] = waiting[place] as number;
    waiting[place] = id;
    waitingCounts[place] = (waitingCounts[place] as number) + 1;
  }

  function triesRefresh(id: number, now: number): boolean {
    const isOpen = jobber.isOpen(now);
    const isDown = jobber.isDown(now);
    if ((isOpen || isDown) && blind === 0) return false;
    if (refreshes >= mostRefreshes) return false;
    refreshes++;
    if (isDown) {
      blind--;
      jobber.lost(now);
      return false;
    }
    const took = jobber.latency();
    expiresAt[id] = Math.floor(now + took) + TOKEN_LIFE;
    const flag = flags[id] as number;
    if (!(flag & WARM)) {
      flags[id] = flag | WARM;
      onMoved(true);
    }
    awaitExpiry(id, now);
    return true;
  }

  /** Takes `count` callers of one second from their list. Those who still get none go back to it. */
  function retry(place: number, count: number, now: number): void {
    let id = waiting[place] as number;
    for (let tried = 0; tried < count && id >= 0; tried++) {
      const after = next[id] as number;
      const isServed = isGood(id, now);
      if (isServed) awaitExpiry(id, now);
      else if (!triesRefresh(id, now)) break;
      waitingCounts[place] = (waitingCounts[place] as number) - 1;
      id = after;
    }
    waiting[place] = id;
  }

  function giveUp(now: number): void {
    const place = now % waiting.length;
    let id = waiting[place] as number;
    waiting[place] = -1;
    waitingCounts[place] = 0;
    while (id >= 0) {
      const after = next[id] as number;
      if (isGood(id, now)) awaitExpiry(id, now);
      else {
        counted.add('callersWithoutToken');
        awaitCall(id, now);
      }
      id = after;
    }
  }

  /** Of connections that callers ask for from now on. */
  function begin(id: number, now: number): void {
    inUse++;
    if (isGood(id, now)) awaitExpiry(id, now);
    else awaitCall(id, now);
  }

  for (let id = 0; id < connections; id++) if ((flags[id] as number) & IN_USE) begin(id, 0);

  return {
    /** Connections that were idle come into use. */
    wake(share: number, now: number): void {
      for (let id = 0; id < connections; id++) {
        if ((flags[id] as number) & IN_USE || random() >= share) continue;
        flags[id] = (flags[id] as number) | IN_USE;
        begin(id, now);
      }
    },

    /** @returns how many refreshes began */
    step(now: number): number {
      refreshes = 0;
      let attempts = 0;
      for (let age = 1; age <= CALLER_WAITS; age++) {
        const place = (now + CALLER_WAITS - age) % waiting.length;
        attempts += (waitingCounts[place] as number) * (ATTEMPTS[age] as number);
      }
      const stored = (inUse * callsPerHour * GET_STORED) / 3_600;
      const isPaused = jobber.isOpen(now) || jobber.isDown(now);
      const refused = isPaused ? attempts * GET_REFUSED : 0;
      const room = Math.max(0, getTokensAtOnce - stored - refused);
      mostRefreshes = Math.ceil(room / (MEAN_LATENCY + TABLE));

      giveUp(now);
      for (let age = CALLER_WAITS; age > 0; age--) {
        const place = (now + CALLER_WAITS - age) % waiting.length;
        const count = waitingCounts[place] as number;
        if (count > 0) retry(place, Math.ceil(count * (ATTEMPTS[age] as number)), now);
      }
      let id = looks[now] as number;
      while (id >= 0) {
        const after = next[id] as number;
        if (isGood(id, now)) awaitExpiry(id, now);
        else if ((flags[id] as number) & CALLS) call(id, now);
        else awaitCall(id, now);
        id = after;
      }

      const wanted = stored + refused + refreshes * (MEAN_LATENCY + TABLE);
      counted.most('getTokensWanted', wanted);
      if (!jobber.isOpen(now)) blind = containers;
      const grown = Math.ceil(Math.min(getTokensAtOnce, wanted)) - containers;
      if (grown > 0) {
        containers += grown;
        blind += grown;
      }
      return refreshes;
    },

    waiting: () => waitingCounts.reduce((sum, each) => sum + each, 0),
  };
}
