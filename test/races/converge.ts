import { plus } from '../../shared/runtime/clock.ts';
import { GRACE, LEASE } from '../../shared/tokens/budgets.ts';
import { isDisconnecting } from '../../shared/tokens/connection.ts';
import { BREAKER_ID } from '../../shared/tokens/other-items.ts';
import { ACCOUNT } from './account.ts';
import type { Invariant } from './invariants.ts';
import { isLossExcused, isStoredLive } from './oracle.ts';
import type { Role } from './roles.ts';
import type { Simulation } from './simulation.ts';
import type { State } from './state.ts';

/*
 * The end of each run: nothing fails any more, visits and callers come from time to time, one after the other; and after ten
 * hours all must be well, or be known to be lost: an appeal that came to nothing is made again six hours after the verdict.
 */

const MINUTE = 60_000;
const HOUR = 61 * MINUTE;
const AGAIN: readonly Role[] = ['resume', 'appeal', 'visit', 'caller'];
const ROUNDS = [LEASE + 1, HOUR, GRACE + MINUTE, GRACE + MINUTE, HOUR, 6 * HOUR, HOUR, HOUR];
const MARKS = ['leaseId', 'inDoubtSince', 'unconfirmedAt', 'refusedAt', 'retryAt', 'escrowedAt'];

const known = new WeakMap<Simulation, Map<string, readonly Invariant[]>>();

/** What is still broken when nothing has gone wrong for a while. */
export async function converge(
  simulation: Simulation,
  state: State,
): Promise<readonly Invariant[]> {
  const outcomes = known.get(simulation) ?? new Map<string, readonly Invariant[]>();
  known.set(simulation, outcomes);
  const key = sinceNow(state);
  const broken = outcomes.get(key) ?? (await heal(simulation, state));
  outcomes.set(key, broken);
  return broken;
}

async function heal(simulation: Simulation, quiet: State): Promise<readonly Invariant[]> {
  const broken: Invariant[] = [];
  const { model } = quiet.server;
  let state: State = {
    ...quiet,
    server: model === 'slow' ? { ...quiet.server, model: 'new-app' } : quiet.server,
    actors: quiet.actors.map((actor) => ({ ...actor, isDead: true })),
  };
  let last: unknown;
  for (const [round, after] of ROUNDS.entries()) {
    state = { ...state, now: plus(state.now, after), outageUntil: 0 };
    for (const role of AGAIN) {
      state = await simulation.start(state, role, `later ${role} ${round}`);
      state = await simulation.runOut(state, broken);
      last = state.actors.at(-1)?.node.result?.value;
    }
  }
  return [...broken, ...judgeEnd(state, last)];
}

function judgeEnd(state: State, last: unknown): Invariant[] {
  const { attributes, refreshToken } = state.items[ACCOUNT] ?? {};
  if (!attributes || attributes['status'] === 'disconnected') return [];
  const status = isDisconnecting(attributes as never) ? 'disconnecting' : attributes['status'];
  const code = last instanceof Error ? (last as { code?: string }).code : undefined;
  const isRight = isStoredLive(state)
    ? status === 'active' && code === undefined
    : status === 'reconnect_required' && isLossExcused(state, refreshToken ?? '');
  const broken: Invariant[] = [];
  if (!isRight) broken.push('what is lost is recorded, and what is not recovers by itself');
  const isBreakerOpen = state.items[BREAKER_ID]?.attributes?.['openedAt'] !== undefined;
  if (isRight && isStoredLive(state) && isBreakerOpen) broken.push('nobody waits for ever');
  if (status === 'active' && MARKS.some((mark) => mark in attributes)) {
    broken.push('nothing stays in doubt');
  }
  return broken;
}

/** What the end depends on, with all times counted from now: the same end need not be seen twice. */
function sinceNow({ now, items, server, memory }: State): string {
  const { attributes = {}, refreshToken, accessToken } = items[ACCOUNT] ?? {};
  const since = (value: unknown) => {
    if (typeof value !== 'number' || value < 1e9) return value;
    return Math.round((value > 1e12 ? value - now : value * 1000 - now) / 1000);
  };
  const { refreshToken: _r, accessToken: _a, leaseId, grantId: _g, ...plain } = attributes;
  const rows = Object.entries(plain).map(([name, value]) => [name, since(value)]);
  const breaker = Object.entries(items[BREAKER_ID]?.attributes ?? {}).map(([name, value]) =>
    name === 'probeId' ? [name] : [name, since(value)],
  );
  const access = Object.entries(server.access).map(([token, expiresAt]) => [
    token,
    since(expiresAt),
  ]);
  return JSON.stringify([
    rows.sort(),
    refreshToken,
    accessToken,
    leaseId !== undefined,
    server.grants,
    access,
    breaker,
    { ...memory, notedAt: since(memory.notedAt) },
  ]);
}
