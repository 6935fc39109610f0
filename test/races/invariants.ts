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
  'a grant that lives is never deleted',
  'a new grant is never overwritten',
  'a browser that is told so is connected',
  'every caller got a valid token or a typed error',
  'who has answered works no more',
  'in peace, every caller got a token',
  'what is lost is recorded, and what is not recovers by itself',
  'nothing stays in doubt',
  'nobody waits for ever',
] as const;
export type Invariant = (typeof INVARIANTS)[number];
