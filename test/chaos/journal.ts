/** One attempt to redeem a refresh token, as seen on the wire and from within the process. */
export interface Attempt {
  readonly redemption: string;
  readonly container: string;
  readonly token: string;
  /** When it was sent, in milliseconds of the system's clock. */
  readonly at: number;
  /** Whether somebody waited for a token: there was none that he could be given in place of a new one. */
  readonly isUrgent: boolean;
  /** When its answer, or what stood for it, had left; not while it is pending. */
  endedAt?: number;
  /**
   * What Jobber answered: new tokens, a refusal, or nothing of use; then whether the token was live
   * afterwards tells what had become of the request.
   */
  sent: 'pending' | 'tokens' | 'refusal' | 'nothing, spent' | 'nothing, unspent';
  /** The answer arrived whole in the process. */
  answered: boolean;
  /** The invocation that made it has ended. */
  settled: boolean;
  /** The process ended before that. */
  killed: boolean;
  /** It was killed for taking longer than the function may, though nothing held it up. */
  timedOut: boolean;
}

export type Journal = ReturnType<typeof openJournal>;

/** Who tried to redeem which refresh token, and how far the answer got. It excuses losses. */
export function openJournal() {
  const attempts = new Map<string, Attempt>();
  const byToken = new Map<string, Attempt[]>();
  const owners = new Map<string, string>();
  /** Of each account, when the access token that was issued last expires. */
  const expiries = new Map<string, number>();
  /** What a process said before the attempt itself was seen here. */
  const early = new Map<string, Partial<Attempt>>();

  function note(redemption: string, what: Partial<Attempt>): void {
    const attempt = attempts.get(redemption);
    if (attempt) Object.assign(attempt, what);
    else early.set(redemption, { ...early.get(redemption), ...what });
  }

  /** By what the function was invoked with. Those of the queue never are. */
  function isUrgent(event: unknown, at: number): boolean {
    const { accountId, rejectedToken } = Object(event) as Record<string, unknown>;
    if (typeof accountId !== 'string') return false;
    const isExpired = (expiries.get(accountId) ?? 0) <= at;
    return rejectedToken !== undefined || isExpired;
  }

  return {
    /** A token that Jobber issued to an account. */
    issued(token: string, accountId: string): void {
      owners.set(token, accountId);
    },
    /** Its access token is taken for expired then, in milliseconds. */
    lasts(accountId: string, until: number): void {
      expiries.set(accountId, until);
    },
    begin(
      sent: Pick<Attempt, 'redemption' | 'token' | 'at'> & { readonly event: unknown },
    ): Attempt {
      const { redemption, token, at } = sent;
      const attempt: Attempt = {
        redemption,
        container: redemption.split('.')[0] ?? '',
        token,
        at,
        isUrgent: isUrgent(sent.event, at),
        sent: 'pending',
        answered: false,
        settled: false,
        killed: false,
        timedOut: false,
        ...early.get(redemption),
      };
      early.delete(redemption);
      attempts.set(redemption, attempt);
      byToken.set(token, [...(byToken.get(token) ?? []), attempt]);
      return attempt;
    },
    /** Jobber sent a new pair in return: the account's chain goes on. */
    rotated({ token }: Attempt, successor: string, expiresAt: number): void {
      const owner = owners.get(token);
      if (owner === undefined) return;
      owners.set(successor, owner);
      expiries.set(owner, expiresAt);
    },
    ownerOf: (token: string) => owners.get(token),
    answered: (redemption: string) => note(redemption, { answered: true }),
    settled: (redemption: string) => note(redemption, { settled: true }),
    /** Whatever the process had not finished by then, it never will. */
    died(container: string, timedOut: boolean): void {
      for (const attempt of attempts.values()) {
        if (attempt.container !== container || attempt.settled) continue;
        Object.assign(attempt, { killed: true, timedOut });
      }
    },
    all: (): readonly Attempt[] => [...attempts.values()],
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
  | 'the process was killed before the answer'
  /** Nothing excuses that: a function must leave itself enough time. */
  | 'the function timed out';

export interface Lost {
  readonly window: Window;
  /** The one that spent the token. */
  readonly attempt: Attempt;
}

/**
 * Why the successor of a redeemed token could not be stored by anybody: no attempt brought it to a process
 * that lived on. `undefined`: one did, or none was made, or it is not over yet.
 */
export function windowOf(attempts: readonly Attempt[]): Lost | undefined {
  const isOver = attempts.every(
    ({ settled, killed, sent }) => (settled || killed) && sent !== 'pending',
  );
  const rotation = attempts.find(({ sent }) => sent === 'tokens');
  const attempt = rotation ?? attempts.find(({ sent }) => sent === 'nothing, spent');
  const window = isOver && attempt ? reasonOf(attempt) : undefined;
  return attempt && window && { window, attempt };
}

function reasonOf({ sent, answered, killed, timedOut }: Attempt): Window | undefined {
  if (timedOut) return 'the function timed out';
  if (killed) {
    return answered
      ? 'the process was killed with the answer'
      : 'the process was killed before the answer';
  }
  if (sent !== 'tokens') return 'the answer never left Jobber';
  return answered ? undefined : 'the answer never reached the process';
}
