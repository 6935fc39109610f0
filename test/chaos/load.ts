import { setTimeout as delay } from 'node:timers/promises';
import type { GetTokenResponse } from '../../shared/client/contract.ts';
import type { FastClock } from './fast-clock.ts';
import type { Fleet } from './fleet.ts';
import type { Random } from './random.ts';

export interface TokenRequest {
  readonly accountId: string;
  readonly minValiditySeconds?: number;
  readonly rejectedToken?: string;
}

export interface LoadOptions {
  readonly fleet: Pick<Fleet, 'invoke'>;
  readonly accountIds: readonly string[];
  readonly callers: number;
  readonly dice: Random;
  readonly clock: FastClock;
  readonly demand: Demand;
  readonly sweeps: Sweeps;
}

/** What callers ask for. */
export interface Demand {
  /** How long a token must last, in seconds: from, to. */
  readonly validity: readonly [number, number];
  /** Of the calls, how many report that Jobber's API rejected the token that they were given. */
  readonly rejected: number;
}

/** The schedule of the sweep. */
export interface Sweeps {
  /** What is due by the system's clock; otherwise everything. */
  readonly areByClock: boolean;
  /** More often than deployed, as everything here lives faster; in milliseconds of the system's clock. */
  readonly everyMs: number;
}

export type Load = ReturnType<typeof startLoad>;

const PAUSE_MS = 400;
/** `minValiditySeconds` may not be more. */
const LONGEST_VALIDITY = 30 * 60;

/** Who invokes the functions: the owner's Lambdas, and the schedule of the sweep. */
export function startLoad(options: LoadOptions) {
  const { fleet, accountIds, callers, dice, clock, demand, sweeps } = options;
  const lastTokens = new Map<string, string>();
  /** By the code of the answer. */
  const answers: Record<string, number> = {};
  const count = (code: string) => {
    answers[code] = (answers[code] ?? 0) + 1;
  };
  let sweepsFailed = 0;
  let isOver = false;

  for (let caller = 0; caller < callers; caller++) call();
  schedule();

  /** As the owner's Lambdas do, some accounts far more often than others; now and then after a 401. */
  async function call(): Promise<void> {
    while (!isOver) {
      const accountId = accountIds[Math.floor(dice.next() ** 2 * accountIds.length)] ?? '';
      const rejectedToken = dice.next() < demand.rejected ? lastTokens.get(accountId) : undefined;
      const minValiditySeconds = Math.floor(dice.between(...demand.validity));
      await getToken({ accountId, minValiditySeconds, ...(rejectedToken && { rejectedToken }) });
      await delay(dice.between(0, 2 * PAUSE_MS));
    }
  }

  async function getToken(request: TokenRequest): Promise<void> {
    try {
      const answer = (await fleet.invoke('get-token', request)) as GetTokenResponse;
      count(answer.ok ? 'ok' : answer.error.code);
      if (answer.ok) lastTokens.set(request.accountId, answer.accessToken);
    } catch {
      count('no answer');
    }
  }

  function sweep(event: object): Promise<unknown> {
    return fleet.invoke('refresh-sweep', event);
  }

  async function schedule(): Promise<void> {
    while (!isOver) {
      await sweep({ everything: !sweeps.areByClock }).catch(() => sweepsFailed++);
      await delay(clock.real(sweeps.everyMs));
    }
  }

  return {
    answers,
    get sweepsFailed() {
      return sweepsFailed;
    },
    /** Visits every connection. @throws what the sweep does */
    sweepAll: () => sweep({ everything: true }),
    /** All at once for one account, as callers of a busy customer. */
    stampede(accountId: string): void {
      for (let caller = 0; caller < callers; caller++) {
        getToken({ accountId, minValiditySeconds: LONGEST_VALIDITY });
      }
    },
    /** Once for each account, whatever its token. */
    async ask(accounts: readonly string[]): Promise<void> {
      await Promise.all(
        accounts.map((accountId) => getToken({ accountId, minValiditySeconds: LONGEST_VALIDITY })),
      );
    },
    stop(): void {
      isOver = true;
    },
  };
}
