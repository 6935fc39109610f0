import { isDisconnecting } from '../../shared/tokens/connection.ts';
import { TokenError } from '../../shared/tokens/errors.ts';
import type { IssuedToken } from '../../shared/tokens/token-helper.ts';
import { ACCOUNT, KEEP_WARM, SLOTS } from './account.ts';
import { asText } from './as-text.ts';
import { accepts, grantOf, isLive, type Server } from './authorization-server.ts';
import type { Invariant } from './invariants.ts';
import { hasEnded } from './memory.ts';
import type { Actor, Choice, State } from './state.ts';
import type { StoredItem } from './stored-items.ts';

/*
 * Judges what the code does by what it cannot know: which tokens the server would accept at this moment, in which order it
 * issued the grants, and what became of each answer. It believes the table nothing but the tokens that it holds.
 */

type Judge = (invariant: Invariant) => void;

/** What this step broke. */
export function judgeStep(before: State, after: State, choice: Choice): Invariant[] {
  const broken: Invariant[] = [];
  const judge: Judge = (invariant) => broken.push(invariant);
  const [was, is] = [before.items[ACCOUNT], after.items[ACCOUNT]];
  if (was && is && was !== is) {
    judgeDeletion(before, after, was, is, judge);
    judgeOrder(after, was, is, judge);
    judgeVerdict(after, was, is, judge);
    judgeDisconnect(before, after, was, is, judge);
    judgeSlot(after, is, judge);
    judgeUse(was, is, choice, judge);
  }
  if (choice.kind === 'step') {
    const actor = after.actors[choice.actor] as Actor;
    const { redeemed = 0, unanswered = 0 } = after.memory.leases[choice.actor] ?? {};
    if (redeemed > 1 + unanswered) judge('one redemption per lease');
    if (actor.node !== before.actors[choice.actor]?.node) judgeProcess(after, actor, judge);
  }
  return broken;
}

/** All have ended, and nothing is on its way. */
export function judgeQuiet(state: State): Invariant[] {
  const broken: Invariant[] = [];
  const { memory, server, actors } = state;
  const stored = state.items[ACCOUNT]?.refreshToken;
  if (stored !== undefined && !isLive(server, stored) && !isLossExcused(state, stored)) {
    broken.push('the stored token is live, unless a crash or a lost answer took its successor');
  }
  if (memory.isTroubled) return broken;
  // A token that was only ever refused may be sent again: a verdict needs two refusals.
  const wasRedeemed = (token: string) => memory.rotations.some((each) => each.token === token);
  if (Object.entries(memory.sent).some(([token, times]) => times > 1 && wasRedeemed(token))) {
    broken.push('a token is sent once, unless somebody crashed, stalled or got no answer');
  }
  const isPeace = server.grants.every(({ endedBy }) => endedBy === undefined);
  if (isPeace && !memory.wasDisconnectAsked && actors.some(hadTrouble)) {
    broken.push('in peace, every caller got a token');
  }
  return broken;
}

/** The token is spent or dead, and no process could have done anything about it. */
export function isLossExcused({ memory, server }: State, token: string): boolean {
  const { endedBy } = server.grants[grantOf(token)] ?? {};
  if (endedBy === 'reuse') return memory.isReuseExcused;
  if (endedBy !== undefined) return true;
  return memory.rotations.some((each) => each.token === token && isBeyond(each.fate));
}

const isBeyond = (fate: string) => fate === 'lost' || fate === 'logged';

function judgeDeletion(
  { server, now }: State,
  after: State,
  was: StoredItem,
  is: StoredItem,
  judge: Judge,
): void {
  if (was.refreshToken === undefined || is.refreshToken !== undefined) return;
  if (isLive(after.server, was.refreshToken)) judge('a grant that lives is never deleted');
  const wasMarked = isDisconnecting(was.attributes as never);
  if (wasMarked && was.accessToken && accepts(server, was.accessToken, now)) {
    judge('a disconnect deletes no token that can still tell the server');
  }
}

/** By the order in which the server issued the grants. */
function judgeOrder(
  { server, memory }: State,
  was: StoredItem,
  is: StoredItem,
  judge: Judge,
): void {
  if (is.refreshToken === undefined) return;
  const grant = grantOf(is.refreshToken);
  if (was.refreshToken !== undefined) {
    const earlier = grantOf(was.refreshToken);
    const isLost = grant < earlier && server.grants[earlier]?.endedBy === undefined;
    if (isLost) judge('a new grant is never overwritten');
  }
  if (memory.deleted !== undefined && grant <= memory.deleted) {
    judge('a disconnected connection stays so');
  }
}

function judgeVerdict(state: State, was: StoredItem, is: StoredItem, judge: Judge): void {
  const lapsed = 'reconnect_required';
  const [before, after] = [was.attributes, is.attributes];
  if (after?.['status'] !== lapsed || before?.['status'] === lapsed) return;
  const { memory, server, actors } = state;
  const isInHand = memory.rotations.some(
    ({ token, successor, fate, holder }) =>
      token === is.refreshToken &&
      isLive(server, successor) &&
      (fate === 'escrowed' || (fate === 'in hand' && !hasEnded(actors[holder] as Actor))),
  );
  if (isInHand || isLive(server, is.refreshToken)) {
    judge('no verdict while a live token is stored, in hand or in escrow');
  }
  const wasRedeemed = memory.rotations.some(({ token }) => token === is.refreshToken);
  const reason = after['statusReason'];
  if (reason === 'revoked' && wasRedeemed) judge('revoked only if nobody redeemed the token');
  // After a crash or a lost answer nobody can tell a revoked token from a redeemed one.
  const hasEndedAtServer = server.grants[grantOf(is.refreshToken ?? '')]?.endedBy !== undefined;
  const isUnclear = hasEndedAtServer && memory.isTroubled;
  if (reason === 'rotation_lost' && !wasRedeemed && !isUnclear) {
    judge('rotation_lost only if a redemption was lost');
  }
}

function judgeDisconnect(
  before: State,
  after: State,
  _was: StoredItem,
  is: StoredItem,
  judge: Judge,
): void {
  const { disconnecting } = before.memory;
  if (disconnecting === undefined || is.refreshToken === undefined) return;
  const isSame = grantOf(is.refreshToken) === disconnecting;
  if (
    isSame &&
    !isDisconnecting(is.attributes as never) &&
    after.memory.disconnecting !== undefined
  ) {
    judge('a disconnect that has begun is not forgotten');
  }
}

/** Sweeps find a connection by its slot alone. */
function judgeSlot({ memory, now }: State, { attributes = {} }: StoredItem, judge: Judge): void {
  const slot = attributes['sweepSlot'];
  const isWaiting = attributes['disconnectingSince'] !== undefined;
  const right = isWaiting ? ['disconnecting'] : [SLOTS.warm, SLOTS.idle];
  const hasItsOwn = attributes['status'] === 'active' ? right.includes(slot as never) : !slot;
  if (!hasItsOwn)
    judge('an active connection has one slot, its own, and no other connection has any');
  const { notedAt = -Infinity } = memory;
  if (slot === SLOTS.idle && now < notedAt + KEEP_WARM) judge('a connection in use is kept warm');
}

const OF_THE_USE = ['usedAt', 'sweepSlot'];

function judgeUse(was: StoredItem, is: StoredItem, choice: Choice, judge: Judge): void {
  if (choice.kind === 'stall' || !['noteUse', 'move'].includes(choice.label)) return;
  const rest = ({ attributes = {} }: StoredItem) =>
    asText(
      Object.entries(attributes)
        .filter(([name]) => !OF_THE_USE.includes(name))
        .sort(),
    );
  if (rest(was) !== rest(is)) judge('a note or a move changes nothing but the use and the slot');
}

/**
 * A late RENEW, or a late word to the circuit breaker, changes nothing: its condition no longer holds. Nor does a read; what
 * its process makes of it is judged in its turn.
 */
const isHarmless = (label: string): boolean =>
  label === 'renew' || label === 'get' || label.startsWith('breaker');

function judgeProcess(state: State, { node, role }: Actor, judge: Judge): void {
  if (!node.result) return;
  const isAtWork = [...node.requests.values()].some(
    (request) => !(request.kind === 'table' && isHarmless(request.label)),
  );
  if (isAtWork) judge('who has answered works no more');
  const { value } = node.result;
  if (role === 'callback' && value === true && !isConnected(state, node)) {
    judge('a browser that is told so is connected');
  }
  // Whoever notes a use has its answer already.
  if (hasNoted(node) && answersOf(value)[0] instanceof Error)
    judge('no answer depends on its note');
  if (answersOf(value).some((each) => !isAnswer(each))) {
    judge('every caller got a valid token or a typed error');
  }
}

/** Whether the grant that this callback was given, or a later one, is stored; or has ended. */
function isConnected({ items, server, memory }: State, node: Actor['node']): boolean {
  const given = givenTo(node);
  const stored = grantOf(items[ACCOUNT]?.refreshToken ?? '');
  const hasEnded = server.grants[given]?.endedBy !== undefined;
  return stored >= given || hasEnded || (memory.deleted ?? -1) >= given;
}

/** Whether this process has tried to note a use, with whatever success. */
function hasNoted({ before }: Actor['node']): boolean {
  for (let each = before; each; each = each.node.before) {
    const request = each.node.requests.get(each.heard.number);
    if (request?.kind === 'table' && request.label === 'noteUse') return true;
  }
  return false;
}

/** The grant that the server answered this process with. */
function givenTo({ before }: Actor['node']): number {
  for (let each = before; each; each = each.node.before) {
    const { heard, node } = each;
    if (node.requests.get(heard.number)?.kind !== 'authorize' || !('value' in heard.heard))
      continue;
    return grantOf((heard.heard.value as { refreshToken: string }).refreshToken);
  }
  return -1;
}

const answersOf = (value: unknown): unknown[] =>
  Array.isArray(value) ? value.map((each) => each.reason ?? each.value) : [value];

function isAnswer(answer: unknown): boolean {
  if (answer === undefined || typeof answer === 'string' || typeof answer === 'boolean')
    return true;
  const { accessToken, status } = answer as Partial<IssuedToken> & { status?: string };
  const isToken = accessToken !== undefined && /^A\d+\.\d+$/.test(accessToken);
  return answer instanceof TokenError || isToken || status !== undefined;
}

/** Whoever follows a slow refresh is asked to come again, and so is what can wait while the endpoint is in trouble. */
const hadTrouble = ({ role, node }: Actor): boolean =>
  answersOf(node.result?.value).some((answer, call) => {
    if (!(answer instanceof Error)) return false;
    const { code } = answer as { code?: string };
    const canWait = role === 'visit' || role === 'appeal' || (role === 'two-calls' && call === 1);
    return code !== 'refresh_in_progress' && !(canWait && code === 'refresh_paused');
  });

export const isStoredLive = ({ server, items }: State): boolean =>
  isLive(server, items[ACCOUNT]?.refreshToken);

export type { Server };
