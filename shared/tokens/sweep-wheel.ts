import { createHash } from 'node:crypto';
import { type EpochMs, plus } from '../runtime/clock.ts';
import { HOUR, IDLE_TURN, NOTE_USE_EVERY, WARM_TURN } from './budgets.ts';
import type { ActiveConnection } from './connection.ts';

/*
 * The sweep wheel. A connection has a slot that its id alone decides, a minute of the turn, so whatever connected or expired
 * together is spread over the whole turn. A refresh moves nothing in the index of the slots: that is half of what it would cost.
 */

/** A minute of the turn in which a connection is visited: `warm/07` of 45, `idle/0731` of a day. */
export type WheelSlot = `${Wheel}/${string}`;
type Wheel = 'warm' | 'idle';

/** `disconnecting`: visited by every sweep, while Jobber does not answer. */
export type SweepSlot = WheelSlot | 'disconnecting';

const MINUTE = 60_000;
const TURNS: Readonly<Record<Wheel, number>> = { warm: WARM_TURN, idle: IDLE_TURN };

/** For how long after its last use a connection is kept warm, in milliseconds. */
export type KeepWarm = number | 'forever';

/** Its place on a wheel. */
export function slotOf(accountId: string, wheel: Wheel): WheelSlot {
  const hash = createHash('sha256').update(accountId).digest().readUInt32BE(0);
  return slotAt(wheel, hash % (TURNS[wheel] / MINUTE));
}

/** The slots whose minute of either turn began after `last`, up to `now`: no slot twice. */
export function slotsBetween(last: EpochMs, now: EpochMs): SlotsOfMinute[] {
  const end = minuteOf(now);
  const first = Math.max(minuteOf(last) + 1, end - IDLE_TURN / MINUTE + 1);
  const warmFrom = end - WARM_TURN / MINUTE + 1;
  return Array.from({ length: Math.max(end - first + 1, 0) }, (_, index) => {
    const minute = first + index;
    const wheels: Wheel[] = minute < warmFrom ? ['idle'] : ['warm', 'idle'];
    return {
      begins: (minute * MINUTE) as EpochMs,
      slots: wheels.map((wheel) => slotAt(wheel, minute % (TURNS[wheel] / MINUTE))),
    };
  });
}

export interface SlotsOfMinute {
  readonly begins: EpochMs;
  readonly slots: readonly WheelSlot[];
}

/** When a connection that is visited now will be visited next. */
export const nextVisit = (slot: WheelSlot, now: EpochMs): EpochMs =>
  plus(now, TURNS[wheelOf(slot)]);

type Usage = Pick<ActiveConnection, 'accountId' | 'usedAt' | 'connectedAt'>;

/** As far as it was noted; a new grant counts as used. */
export const lastUseOf = ({ usedAt, connectedAt }: Omit<Usage, 'accountId'>): EpochMs =>
  usedAt !== undefined && usedAt > connectedAt ? usedAt : connectedAt;

/** The slot that a connection ought to have: one that was used lately is kept warm. */
export function slotFor(connection: Usage, keepWarm: KeepWarm, now: EpochMs): WheelSlot {
  const { accountId } = connection;
  if (keepWarm === 'forever') return slotOf(accountId, 'warm');
  // A use is noted only so often, and a token in somebody's memory is used for up to an hour without our knowing.
  const idleFrom = plus(lastUseOf(connection), keepWarm + NOTE_USE_EVERY + HOUR);
  return slotOf(accountId, idleFrom <= now ? 'idle' : 'warm');
}

export const isWarm = (slot: SweepSlot | undefined): boolean => slot?.startsWith('warm/') ?? false;

const wheelOf = (slot: WheelSlot): Wheel => (isWarm(slot) ? 'warm' : 'idle');

const minuteOf = (time: EpochMs): number => Math.floor(time / MINUTE);

const slotAt = (wheel: Wheel, minute: number): WheelSlot =>
  `${wheel}/${String(minute).padStart(String(TURNS[wheel] / MINUTE).length, '0')}`;
