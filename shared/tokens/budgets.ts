/*
 * The time that each part of the protocol may take, in milliseconds. `docs/rotation.md` has them beside each other.
 */

/** How long a claim lasts without RENEW: others notice a dead holder this soon. */
export const LEASE = 30_000;

/** How often a holder that waits for an answer extends its lease. One RENEW may fail without the lease ending. */
export const RENEW_EVERY = 10_000;

/** No lease lasts longer, however much two clocks differ. */
export const LONGEST_LEASE = 2 * LEASE;

/**
 * The least time that an attempt to redeem must have for its answer. Giving up on a slow answer throws away a rotation that
 * was already made, so an attempt waits for all the time that is left, and does not begin with less than this.
 */
export const REDEEM = 120_000;

/**
 * For how long an attempt that brought no answer is repeated, while a caller waits. After a lost answer one repetition fits,
 * and no second one.
 */
export const RETRIES = 12_000;

/** All attempts to store a rotation. */
export const STORE = 5_000;

/** All attempts to put a rotation into escrow. */
export const ESCROW = 8_000;

/** From sending a refresh token until its successor is safe. */
export const SPENDING = REDEEM + STORE + ESCROW;

/** One call of the table, its retries included. */
export const TABLE_CALL = 4_000;

/** The escrow queue delivers a rotation within this time once the table takes writes again: its visibility, and two seconds. */
export const ESCROW_DELIVERY = 12_000;

/** For how long the escrow tries to deliver a rotation, before it is a dead letter, and a little more. */
export const ESCROW_TRIES = 3 * 60 * 60_000;

/** How often a holder that waits for the escrow looks at the table. */
export const ESCROW_LOOK = 3_000;

/** One request to end a grant. */
export const REVOKE = 5_000;

/** How long a caller waits for somebody else's refresh. */
export const PATIENCE = 25_000;

/** How long after a refusal, or after the takeover of a lease, no verdict falls. */
export const GRACE = 10 * 60_000;

/** How long nobody sends a token again that was refused. */
export const REFUSED_PAUSE = 60_000;

/** An answer that is out for longer is a sign that the token endpoint is in trouble. The first RENEW finds out. */
export const SLOW_ANSWER = RENEW_EVERY - 1_000;

/** While the token endpoint is in trouble, one probe in 10 s finds out whether it is back. A second more is for delays on the way. */
export const PROBE_EVERY = 11_000;

/** So many probes in a row must bring a prompt answer before the token endpoint counts as back. */
export const PROMPT_PROBES = 3;

/** How old a rejected access token must be for a refresh to make sense. */
export const REJECTED_TOKEN_AGE = 60_000;

export const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;

/** How often a sweep visits a connection that is kept warm. Jobber's access tokens live for an hour. */
export const WARM_TURN = 45 * 60_000;

/** How often it visits one that nobody uses, to learn whether it is alive. */
export const IDLE_TURN = DAY;

/** A visit refreshes a token that would not last until the next one and this much more: for a sweep and a queue that are late. */
export const VISIT_RESERVE = 10 * 60_000;

/** A use is noted this often at most: four writes a day. */
export const NOTE_USE_EVERY = 6 * HOUR;

/** How long an answer may wait for the note of a use. */
export const NOTE_USE = 500;

/** When a connection that needs its admin is tried again, counted from the verdict. */
export const APPEALS_AFTER: readonly number[] = [
  HOUR,
  6 * HOUR,
  ...[1, 2, 3, 4, 5, 6, 7].map((day) => day * DAY),
];
