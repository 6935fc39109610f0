/** One attempt to redeem a refresh token, as seen on the wire and from within the process. */
export interface Attempt {
  readonly redemption: string;
  readonly worker: string;
  readonly token: string;
  readonly at: number;
  /**
   * What Jobber answered: new tokens, a refusal, or nothing of use; then whether the token was live
   * afterwards tells what had become of the request.
   */
  sent: 'pending' | 'tokens' | 'refusal' | 'nothing, spent' | 'nothing, unspent';
  /** The answer arrived whole in the process. */
  answered: boolean;
  /** The invocations that may have made it have ended. */
  settled: boolean;
  /** The process ended before they did. */
  killed: boolean;
}

export type Journal = ReturnType<typeof openJournal>;

/** Who tried to redeem which refresh token, and how far the answer got. It excuses losses. */
export function openJournal() {
  const attempts = new Map<string, Attempt>();
  const byToken = new Map<string, Attempt[]>();
  const owners = new Map<string, string>();
  /** What a process said before the attempt itself was seen here. */
  const early = new Map<string, Partial<Attempt>>();

  function note(redemption: string, what: Partial<Attempt>): void {
    const attempt = attempts.get(redemption);
    if (attempt) Object.assign(attempt, what);
    else early.set(redemption, { ...early.get(redemption), ...what });
  }

  return {
    /** A token that Jobber issued to an account. */
    issued(token: string, accountId: string): void {
      owners.set(token, accountId);
    },
    begin(redemption: string, token: string, at: number): Attempt {
      const worker = redemption.split('.')[0] ?? '';
      const attempt: Attempt = {
        redemption,
        worker,
        token,
        at,
        sent: 'pending',
        answered: false,
        settled: false,
        killed: false,
        ...early.get(redemption),
      };
      early.delete(redemption);
      attempts.set(redemption, attempt);
      byToken.set(token, [...(byToken.get(token) ?? []), attempt]);
      return attempt;
    },
    /** Jobber sent a new pair in return: the account's chain goes on. */
    rotated(attempt: Attempt, successor: string): void {
      attempt.sent = 'tokens';
      const owner = owners.get(attempt.token);
      if (owner !== undefined) owners.set(successor, owner);
    },
    ownerOf: (token: string) => owners.get(token),
    answered: (redemption: string) => note(redemption, { answered: true }),
    settled: (redemption: string) => note(redemption, { settled: true }),
    /** Whatever the process had not finished by then, it never will. */
    died(worker: string): void {
      for (const attempt of attempts.values()) {
        if (attempt.worker === worker && !attempt.settled) attempt.killed = true;
      }
    },
    attemptsWith: (token: string): readonly Attempt[] => byToken.get(token) ?? [],
    /** Redemptions of a token whose successor had arrived in a process that lived on: lost races. */
    needless(): number {
      return [...byToken.values()]
        .filter((tried) =>
          tried.some(({ sent, answered, killed }) => sent === 'tokens' && answered && !killed),
        )
        .reduce((sum, tried) => sum + tried.filter(({ sent }) => sent === 'refusal').length, 0);
    },
    /** The last attempts of an account that changed anything, for a person to read; tokens by their first characters. */
    of(accountId: string, last = 12): string[] {
      return [...attempts.values()]
        .filter(({ token, sent }) => owners.get(token) === accountId && sent !== 'refusal')
        .slice(-last)
        .map(({ redemption, token, at, sent, answered, settled, killed }) => {
          const facts = Object.entries({ answered, settled, killed }).filter(([, holds]) => holds);
          const time = new Date(at).toISOString().slice(11, 23);
          return `${time} ${redemption} redeemed ${token.slice(0, 6)}: sent ${sent}, ${facts.map(([fact]) => fact).join(' ')}`;
        });
    },
  };
}

export type Window =
  | 'the answer never left Jobber'
  | 'the answer never reached the process'
  | 'the process was killed with the answer'
  | 'the process was killed before the answer';

/**
 * Why the successor of a redeemed token could not be stored by anybody: no attempt brought it to a process
 * that lived on. `undefined`: one did, or none was made, or it is not over yet.
 */
export function windowOf(attempts: readonly Attempt[]): Window | undefined {
  const isOver = attempts.every(
    ({ settled, killed, sent }) => (settled || killed) && sent !== 'pending',
  );
  const rotation = attempts.find(({ sent }) => sent === 'tokens');
  const lost = rotation ?? attempts.find(({ sent }) => sent === 'nothing, spent');
  if (!isOver || !lost) return undefined;
  const { sent, answered, killed } = lost;
  if (killed) {
    return answered
      ? 'the process was killed with the answer'
      : 'the process was killed before the answer';
  }
  if (sent !== 'tokens') return 'the answer never left Jobber';
  return answered ? undefined : 'the answer never reached the process';
}
