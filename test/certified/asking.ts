import { setTimeout as delay } from 'node:timers/promises';
import type { GetTokenResponse } from '../../shared/client/contract.ts';
import type { CertifiedSystem } from './system.ts';

const PAUSE_MS = 500;
const SWEEP_EVERY_MS = 5_000;

export interface Asking {
  /** How often each answer was given: `ok`, or the code of the error. */
  readonly answers: Record<string, number>;
  /** From now on its access token has expired, and somebody asks for it: before, it would be in somebody's memory. */
  comesDue(account: number): Promise<void>;
  /** Waits for the answers that are outstanding. */
  stop(): Promise<void>;
}

/** Sweeps, and one caller for each account that came due, all in processes of their own, until stopped. */
export function keepAsking(system: CertifiedSystem): Asking {
  const answers: Record<string, number> = {};
  const stopping = new AbortController();
  const running = [repeat(SWEEP_EVERY_MS, () => system.sweep())];

  async function repeat(pauseMs: number, ask: () => Promise<unknown>): Promise<void> {
    while (!stopping.signal.aborted) {
      await ask().catch((error: Error) => note(error.message));
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  function note(answer: string): void {
    answers[answer] = (answers[answer] ?? 0) + 1;
  }

  return {
    answers,
    async comesDue(account) {
      await system.endsIn(account, -1);
      running.push(repeat(PAUSE_MS, async () => note(inWord(await system.getToken(account)))));
    },
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

export const inWord = (answer: GetTokenResponse) => (answer.ok ? 'ok' : answer.error.code);
