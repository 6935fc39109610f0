import { setTimeout as delay } from 'node:timers/promises';
import { inWord } from './asking.ts';
import type { CertifiedSystem } from './system.ts';

/** What must be empty at the end. */
export interface Outcome {
  readonly endedByReuse: readonly string[];
  /** Accounts whose stored refresh token the server does not accept, with what the callers are told. */
  readonly lost: readonly string[];
  readonly deaths: readonly string[];
  /** What was still under way when the time was over. */
  readonly unsettled: readonly string[];
}

export const UNHARMED: Outcome = { endedByReuse: [], lost: [], deaths: [], unsettled: [] };

/** Waits until nothing is under way any more, then has the server judge every stored token. */
export async function outcomeOf(
  system: CertifiedSystem,
  accounts: readonly number[],
  settleWithinMs: number,
): Promise<Outcome> {
  const { server, lambda } = system;
  const unsettled = await settle(system, accounts, settleWithinMs);
  const lost: string[] = [];
  for (const account of accounts) {
    const said = await redeemStored(system, account);
    if (said !== 'ok') lost.push(`${account}: ${said}`);
  }
  return {
    endedByReuse: server.endedByReuse.map(({ account }) => account),
    lost,
    deaths: lambda.deaths,
    unsettled,
  };
}

async function settle(
  system: CertifiedSystem,
  accounts: readonly number[],
  withinMs: number,
): Promise<string[]> {
  const endsAt = Date.now() + withinMs;
  for (;;) {
    const unsettled: string[] = [];
    for (const account of accounts) {
      const item = await system.item(account);
      if (item?.['leaseId'] !== undefined) unsettled.push(`${account} has a lease`);
    }
    const escrowed = await system.escrowed();
    if (escrowed > 0) unsettled.push(`${escrowed} rotations in the escrow`);
    if (unsettled.length === 0 || Date.now() > endsAt) return unsettled;
    await delay(250);
  }
}

const TRIES = 3;

/** Redeems what is stored, as a caller does who comes when the access token has just expired. */
async function redeemStored(system: CertifiedSystem, account: number): Promise<string> {
  const { redemptions } = system.server;
  await system.endsIn(account, -1);
  const before = redemptions.length;
  for (let attempt = 1; ; attempt++) {
    const answer = await system.getTokenCold(account);
    const isRotated = redemptions
      .slice(before)
      .some((each) => each.account === String(account) && each.outcome === 'rotated');
    if (answer.ok && !isRotated) return 'ok, but the stored token was not redeemed';
    if (answer.ok || !answer.error.retryable || attempt === TRIES) return inWord(answer);
    await delay(1_000);
  }
}
