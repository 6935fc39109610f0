import { type EpochMs, plus } from '../../shared/runtime/clock.ts';
import { GRACE } from '../../shared/tokens/budgets.ts';
import { appealShardOf, nextAppeal } from '../../shared/tokens/connection.ts';
import { BREAKER_ID } from '../../shared/tokens/other-items.ts';
import { ACCOUNT, SLOTS } from './account.ts';
import { reject } from './authorization-server.ts';
import type { Item } from './memory-dynamodb.ts';
import { REJECTED } from './roles.ts';
import type { State } from './state.ts';
import type { StoredItems } from './stored-items.ts';

const MINUTE = 60_000;
const UNUSED = 3 * 24 * 60 * MINUTE;

/** What has happened to the connection before the processes of a scenario meet. */
export const STARTS = [
  /** Nobody has a valid token. */
  'expired',
  /** Ten minutes are left, and sweeps find it due. */
  'valid',
  /** As `expired`, and the token was refused by mistake eleven minutes ago. */
  'refused',
  /** It was given up by mistake, and its appeal is due. */
  'given-up',
  /** As `valid`, while the circuit breaker is open. */
  'breaker-open',
  /** As `expired`, connected three days ago and not used since: a sweep has moved it to its idle slot. */
  'idle',
  /** As `valid`, connected three days ago and not used since, and no sweep has moved it yet. */
  'unused',
] as const;
export type Start = (typeof STARTS)[number];

/** @param connected the connection as it was stored an hour ago */
export function startingAs(
  start: Start,
  connected: State,
  items: StoredItems,
  isRejected: boolean,
): State {
  const lasts = start === 'valid' || start === 'breaker-open' || start === 'unused';
  const now = plus(connected.now, (lasts ? 50 : 75) * MINUTE);
  const { sweepSlot, ...stored } = connected.items[ACCOUNT]?.attributes ?? {};
  const earlier = plus(now, -(GRACE + MINUTE));
  const isKnownRefused = start === 'refused' || start === 'given-up';
  return {
    ...connected,
    now,
    server: isRejected ? reject(connected.server, REJECTED) : connected.server,
    items: {
      [ACCOUNT]: items.of({ ...stored, ...attributesOf(start, now, earlier, sweepSlot) }),
      [BREAKER_ID]: items.of(start === 'breaker-open' ? openBreaker(now) : undefined),
    },
    memory: {
      ...connected.memory,
      ...(isKnownRefused && { wronglyRefusedAt: earlier, isTroubled: true }),
      ...(start === 'breaker-open' && { isTroubled: true }),
    },
  };
}

function attributesOf(start: Start, now: EpochMs, earlier: EpochMs, sweepSlot: unknown): Item {
  if (start === 'refused') {
    return { sweepSlot, refusedAt: earlier, retryAt: plus(earlier, MINUTE) };
  }
  if (start === 'idle') return { connectedAt: plus(now, -UNUSED), sweepSlot: SLOTS.idle };
  if (start === 'unused') return { connectedAt: plus(now, -UNUSED), sweepSlot };
  if (start !== 'given-up') return { sweepSlot };
  const verdictAt = plus(now, -61 * MINUTE);
  return {
    status: 'reconnect_required',
    statusReason: 'revoked',
    statusChangedAt: verdictAt,
    refusedAt: plus(verdictAt, -11 * MINUTE),
    appealAt: nextAppeal(verdictAt, verdictAt),
    appealShard: appealShardOf(ACCOUNT),
  };
}

const openBreaker = (now: EpochMs): Item => ({
  accountId: BREAKER_ID,
  openedAt: plus(now, -MINUTE),
  probeEndsAt: plus(now, -1),
});
