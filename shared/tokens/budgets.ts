/*
 * The time that each part of the protocol may take, in milliseconds. A holder that outlives its lease
 * must be dead, not slow, so: function time-out < LEASE, and SPENDING fits what is left at CLAIM and at each attempt.
 */

export const LEASE = 30_000;

/** What no lease lasts for, however much two clocks differ. */
export const LONGEST_LEASE = 2 * LEASE;

/** The least time for a redemption, the body included; it may take all that is left before STORE. */
export const REDEEM = 8_000;

/** All attempts to store a rotation. */
export const STORE = 5_000;

/** All attempts to put a rotation into escrow. */
export const ESCROW = 4_000;

/** From sending a refresh token until its successor is safe. */
export const SPENDING = REDEEM + STORE + ESCROW;

/** One request to end a grant. */
export const REVOKE = 5_000;

/** How long a caller without a deadline of its own is served. */
export const CALL = 25_000;

/** How long a refused token waits for an earlier holder that may still store its successor. */
export const GRACE = 10 * 60_000;

/** How old a rejected access token must be for a refresh to make sense. */
export const REJECTED_TOKEN_AGE = 60_000;

/** How long before its expiry the sweep refreshes an access token, in seconds. */
export const REFRESH_AHEAD_S = 15 * 60;
