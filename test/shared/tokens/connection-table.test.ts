import { beforeEach, describe, expect, it } from 'vitest';
import type { EpochMs, EpochSeconds } from '../../../shared/runtime/clock.ts';
import {
  APPEALS_AFTER,
  ESCROW_TRIES,
  GRACE,
  LEASE,
  LONGEST_LEASE,
  REFUSED_PAUSE,
} from '../../../shared/tokens/budgets.ts';
import { appealShardOf, type Grant } from '../../../shared/tokens/connection.ts';
import type { Claim, DueWhen } from '../../../shared/tokens/connection-table.ts';
import type { ReplaceableGrant } from '../../../shared/tokens/grant-writes.ts';
import { slotOf } from '../../../shared/tokens/sweep-wheel.ts';
import { type TestTable, testTable } from '../../support/connections.ts';

/* Each write alone, clause by clause: what it changes, and when it does not. */

const bytes = (...values: number[]) => new Uint8Array(values) as never;
const ms = (value: number) => value as EpochMs;
const s = (value: number) => value as EpochSeconds;

const NOW = ms(1_000_000_000);
const A = 'account';
const [ACCESS, REFRESH, NEW_ACCESS, NEW_REFRESH] = [bytes(1), bytes(2), bytes(3), bytes(4)];
const grant: Grant = {
  accountId: A,
  accountName: 'name',
  userId: '7',
  ref: 'tenant',
  issuedTo: 'client',
  grantId: 'grant-1',
  connectedAt: ms(500),
  accessToken: ACCESS,
  refreshToken: REFRESH,
  accessTokenExpiresAt: s(2_000),
  refreshedAt: s(100),
};
const active = { ...grant, status: 'active', rotation: 0, sweepSlot: slotOf(A, 'warm') };
const leased = { leaseId: 'lease', leaseExpiresAt: NOW };
const marks = { inDoubtSince: 5, unconfirmedAt: 6, refusedAt: 4, retryAt: 7 };
const disconnecting = { sweepSlot: 'disconnecting', disconnectingSince: 8 };
const lapsed = {
  status: 'reconnect_required',
  statusReason: 'revoked',
  statusChangedAt: 9,
  appealAt: 9 + (APPEALS_AFTER[0] ?? NaN),
  appealShard: appealShardOf(A),
};

let db: TestTable;
beforeEach(async () => {
  db = await testTable();
  await db.table.saveGrant(grant, grant.connectedAt);
});
const stored = () => db.table.get(A);

describe('every operation', () => {
  it('that is told how long it may take ends when that is over', async () => {
    const successor = { ...grant, accessToken: NEW_ACCESS, refreshToken: NEW_REFRESH };
    let isDeaf = true;
    db.base.middlewareStack.add(
      (next) => (args) => (isDeaf ? new Promise(() => undefined) : next(args)),
      { step: 'finalizeRequest', priority: 'low' },
    );
    await expect(db.table.store(A, REFRESH, successor, 20)).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    await expect(db.table.get(A, 20)).rejects.toMatchObject({ name: 'TimeoutError' });
    isDeaf = false;
    expect(await stored()).toEqual(active);
  });
});

describe('a grant', () => {
  it('makes an active connection, whole', async () => {
    expect(await stored()).toEqual(active);
  });

  it('leaves nothing of an earlier one, nor of what was going on, but the owner’s ref', async () => {
    await db.set(A, { ...leased, ...marks, ...lapsed, ...disconnecting });
    const { userId: _, ref: _ref, ...later } = { ...grant, grantId: 'grant-2', rotation: 0 };
    expect(await db.table.saveGrant(later, later.connectedAt)).toMatchObject({ written: true });
    const { userId: _userId, ...expected } = { ...active, grantId: 'grant-2' };
    expect(await stored()).toEqual(expected);
  });

  it.each([
    ['issued later', 501, 'active', true],
    ['issued in the same moment', 500, 'active', true],
    ['issued earlier than an active one', 499, 'active', false],
    ['issued ten minutes earlier than an active one', 500 - GRACE, 'active', false],
    ['issued so much earlier that a clock was wrong', 499 - GRACE, 'active', true],
    ['issued earlier than a lapsed one', 499, 'reconnect_required', true],
    ['issued earlier than a disconnected one, before the disconnect', 499, 'disconnected', false],
    ['issued later than a disconnected one', 501, 'disconnected', true],
    [
      'issued after a disconnect, by a clock behind the earlier one’s',
      490,
      'disconnected',
      true,
      490,
    ],
  ])('%s: written %s', async (_, connectedAt, status, written, statusChangedAt = 505) => {
    await db.set(A, { status, ...(status !== 'active' && { statusChangedAt }) });
    const next = { ...grant, grantId: 'grant-2', connectedAt: ms(connectedAt as number) };
    expect(await db.table.saveGrant(next, next.connectedAt)).toMatchObject({ written });
  });

  it('does not replace a later one, however late it is stored', async () => {
    const late = { ...grant, grantId: 'grant-2', connectedAt: ms(499 - GRACE) };
    expect(await db.table.saveGrant(late, ms(600))).toMatchObject({ written: false });
  });

  describe('of another user', () => {
    const other: Grant = {
      ...grant,
      userId: '8',
      grantId: 'grant-2',
      connectedAt: ms(600),
      refreshToken: NEW_REFRESH,
    };
    const save = (over: ReplaceableGrant, by = other) => db.table.saveGrant(by, ms(600), over);

    it.each([
      ['any', true],
      ['own', false],
      [{ ended: ACCESS }, true],
      [{ ended: NEW_ACCESS }, false],
    ] as const)('that may replace %j: written: %s', async (over, written) => {
      expect(await save(over)).toMatchObject({ written });
      expect(await stored()).toMatchObject({ grantId: written ? 'grant-2' : 'grant-1' });
    });

    it.each([
      ['was disconnected', { status: 'disconnected', statusChangedAt: 550 }],
      ['needs its admin', lapsed],
      ['is being disconnected', disconnecting],
    ])('replaces one that %s', async (_, change) => {
      await db.set(A, change);
      expect(await save('own')).toMatchObject({ written: true });
    });

    it('replaces nothing that is active while nobody knows whose it is, or whose that is', async () => {
      const { userId: _, ...unknown } = other;
      expect(await save('own', unknown as Grant)).toMatchObject({ written: false });
      await db.remove(A, ['userId']);
      expect(await save('own')).toMatchObject({ written: false });
      expect(await save('own', unknown as Grant)).toMatchObject({ written: false });
    });

    it('that is the first one of its account is written', async () => {
      expect(await save('own', { ...other, accountId: 'B' })).toMatchObject({ written: true });
    });
  });

  it('is written once, whatever became of it', async () => {
    await db.set(A, { rotation: 3, status: 'disconnected' });
    expect(await db.table.saveGrant(grant, grant.connectedAt)).toMatchObject({
      written: false,
      found: { rotation: 3, grantId: 'grant-1' },
    });
  });
});

describe('CLAIM', () => {
  const claim = (due: Partial<DueWhen> = {}): Promise<Claim> =>
    db.table.claim(A, { id: 'mine', expiresAt: ms(NOW + LEASE) }, NOW, {
      horizon: s(2_000),
      ...due,
    });

  it('takes the lease, changes nothing else, and returns what was there', async () => {
    await db.set(A, marks);
    expect(await claim()).toEqual({
      claimed: true,
      abandoned: false,
      before: { ...active, ...marks },
    });
    expect(await stored()).toEqual({
      ...active,
      ...marks,
      leaseId: 'mine',
      leaseExpiresAt: NOW + LEASE,
    });
  });

  it.each([
    ['expires at the horizon', { horizon: s(2_000) }, true],
    ['lasts beyond the horizon', { horizon: s(1_999) }, false],
    ['is the rejected one', { horizon: s(0), rejected: ACCESS }, true],
    ['is another than the rejected one', { horizon: s(0), rejected: NEW_ACCESS }, false],
  ])('when the access token %s: %s', async (_, due, claimed) => {
    expect(await claim(due as DueWhen)).toMatchObject({ claimed });
  });

  it.each([
    ['has expired', NOW - 1, true],
    ['expires now', NOW, false],
    ['lasts as long as any may', NOW + LONGEST_LEASE, false],
    ['lasts longer than any may', NOW + LONGEST_LEASE + 1, true],
  ])('when another’s lease %s: %s', async (_, leaseExpiresAt, claimed) => {
    await db.set(A, { leaseId: 'theirs', leaseExpiresAt });
    const result = await claim();
    expect(result).toMatchObject(claimed ? { claimed, abandoned: true } : { claimed });
    expect(await stored()).toMatchObject({ leaseId: claimed ? 'mine' : 'theirs' });
  });

  it.each([
    ['is over', NOW, true],
    ['is not over', NOW + 1, false],
    ['lasts as long as any may', NOW + 2 * REFUSED_PAUSE, false],
    ['lasts longer than any may', NOW + 2 * REFUSED_PAUSE + 1, true],
  ])('when the pause after a refusal %s: %s', async (_, retryAt, claimed) => {
    await db.set(A, { retryAt });
    expect(await claim()).toMatchObject({ claimed });
  });

  it.each([
    ['has given up', NOW - ESCROW_TRIES, true],
    ['may still deliver', NOW - ESCROW_TRIES + 1, false],
    ['took it by a clock ahead of ours', NOW + LONGEST_LEASE, false],
    ['took it by a clock too far ahead to be right', NOW + LONGEST_LEASE + 1, true],
  ])('when the escrow of the successor %s: %s', async (_, escrowedAt, claimed) => {
    await db.set(A, { escrowedAt });
    expect(await claim()).toMatchObject({ claimed });
  });

  it.each(['reconnect_required', 'disconnected'])('never when %s', async (status) => {
    await db.set(A, { status });
    expect(await claim()).toEqual({ claimed: false, found: { ...active, status } });
  });

  it('finds nothing where there is nothing', async () => {
    await db.delete(A);
    expect(await claim()).toEqual({ claimed: false, found: undefined });
    expect(await stored()).toBeUndefined();
  });
});

describe('CLAIM APPEAL', () => {
  const at = ms(lapsed.appealAt);
  const appealed = { ...lapsed, accountId: A, statusChangedAt: ms(9), appealAt: at };
  const claim = (now = at) =>
    db.table.claimAppeal(appealed as never, { id: 'mine', expiresAt: ms(now + LEASE) }, now);
  beforeEach(() => db.set(A, lapsed));

  it('takes the lease and sets the time of the next appeal, or of none after the last', async () => {
    const before = { ...active, ...lapsed };
    expect(await claim()).toEqual({ claimed: true, abandoned: false, before });
    const lease = { leaseId: 'mine', leaseExpiresAt: at + LEASE };
    expect(await stored()).toEqual({
      ...before,
      ...lease,
      appealAt: 9 + (APPEALS_AFTER[1] ?? NaN),
    });

    await db.set(A, lapsed);
    await db.remove(A, ['leaseId', 'leaseExpiresAt']);
    const last = ms(9 + (APPEALS_AFTER.at(-1) ?? NaN));
    expect(await claim(last)).toMatchObject({ claimed: true });
    expect(await stored()).toMatchObject({ leaseId: 'mine' });
    expect(await stored()).not.toHaveProperty('appealAt');
    expect(await stored()).not.toHaveProperty('appealShard');
  });

  it.each([
    ['another appeal is the next one', { appealAt: at + 1 }],
    ['the connection is active again', { status: 'active' }],
    ['another holds the lease', { leaseId: 'theirs', leaseExpiresAt: at }],
    ['the successor of its token is in escrow', { escrowedAt: at - ESCROW_TRIES + 1 }],
  ])('changes nothing when %s', async (_, change) => {
    await db.set(A, change);
    const found = { ...active, ...lapsed, ...change };
    expect(await claim()).toEqual({ claimed: false, found });
    expect(await stored()).toEqual(found);
  });
});

describe('STORE', () => {
  const successor = {
    accessToken: NEW_ACCESS,
    refreshToken: NEW_REFRESH,
    accessTokenExpiresAt: s(5_600),
    refreshedAt: s(2_000),
  };

  it.each([
    ['the holder’s', leased],
    ['no', {}],
    ['another’s', { leaseId: 'theirs', leaseExpiresAt: NOW + LEASE }],
  ])('replaces the redeemed token and ends what was going on, with %s lease', async (_, lease) => {
    await db.set(A, { ...lease, ...marks });
    expect(await db.table.store(A, REFRESH, successor)).toEqual({ stored: true });
    expect(await stored()).toEqual({ ...active, ...successor, rotation: 1 });
  });

  it('revives a connection that was given up', async () => {
    await db.set(A, { ...lapsed, ...marks });
    await db.remove(A, ['sweepSlot']);
    expect(await db.table.store(A, REFRESH, successor)).toEqual({ stored: true });
    expect(await stored()).toEqual({ ...active, ...successor, rotation: 1 });
  });

  it('changes nothing where another token stands, or none', async () => {
    expect(await db.table.store(A, NEW_REFRESH, successor)).toEqual({
      stored: false,
      found: active,
    });
    await db.remove(A, ['refreshToken']);
    expect(await db.table.store(A, REFRESH, successor)).toMatchObject({ stored: false });
    await db.delete(A);
    expect(await db.table.store(A, REFRESH, successor)).toEqual({
      stored: false,
      found: undefined,
    });
    expect(await stored()).toBeUndefined();
  });
});

describe('STORE, while the connection is being disconnected', () => {
  it('leaves the mark', async () => {
    await db.set(A, disconnecting);
    await db.table.store(A, REFRESH, {
      accessToken: NEW_ACCESS,
      refreshToken: NEW_REFRESH,
      accessTokenExpiresAt: s(5_600),
      refreshedAt: s(2_000),
    });
    expect(await stored()).toMatchObject({ rotation: 1, ...disconnecting });
  });
});

describe('DISCONNECTING', () => {
  it('moves an active connection to the sweep’s shard, and changes nothing else', async () => {
    await db.set(A, { ...leased, ...marks });
    expect(await db.table.markDisconnecting(A, 'grant-1', ms(8))).toMatchObject({ written: true });
    expect(await stored()).toEqual({
      ...active,
      ...leased,
      ...marks,
      ...disconnecting,
    });
    expect(await db.table.markDisconnecting(A, 'grant-1', ms(99))).toMatchObject({ written: true });
    expect(await stored()).toMatchObject({ disconnectingSince: 8 });
  });

  it.each([
    ['another grant', { grantId: 'grant-2' }],
    ['a lapsed connection', { status: 'reconnect_required' }],
    ['a disconnected one', { status: 'disconnected' }],
  ])('leaves %s alone', async (_, change) => {
    await db.set(A, change);
    expect(await db.table.markDisconnecting(A, 'grant-1', ms(8))).toMatchObject({ written: false });
    expect(await stored()).toEqual({ ...active, ...change });
  });

  it('ends with a new grant', async () => {
    await db.table.markDisconnecting(A, 'grant-1', ms(8));
    await db.table.saveGrant({ ...grant, grantId: 'grant-2' }, grant.connectedAt);
    expect(await stored()).toEqual({ ...active, grantId: 'grant-2' });
  });
});

describe('END', () => {
  const ended = {
    accountId: A,
    accountName: 'name',
    userId: '7',
    issuedTo: 'client',
    grantId: 'grant-1',
    connectedAt: 500,
    rotation: 0,
    status: 'disconnected',
    statusReason: 'disconnected_in_jobber',
    statusChangedAt: 9,
  };
  type Status = 'active' | 'reconnect_required';
  const end = (status: Status = 'active') =>
    db.table.end(A, { grantId: 'grant-1', status }, 'disconnected_in_jobber', ms(9));

  it.each([
    ['an active connection', { rotation: 0 }],
    ['one that is being refreshed', { ...leased, ...marks }],
    ['one that is being disconnected', disconnecting],
    ['a lapsed one', { ...lapsed, ...marks }],
  ])('deletes the tokens of %s and takes it out of the sweep', async (_, change) => {
    await db.set(A, change);
    const { status } = (await stored()) as { status: Status };
    expect(await end(status)).toMatchObject({ written: true });
    expect(await stored()).toEqual(ended);
  });

  it('is written once, so that it is one change of the status', async () => {
    await end();
    const again = { grantId: 'grant-1', status: 'active' } as const;
    expect(await db.table.end(A, again, 'disconnected_by_app', ms(10))).toEqual({
      written: false,
      found: ended,
    });
    expect(await stored()).toEqual(ended);
  });

  it('leaves another grant alone, and an account that never connected', async () => {
    await db.set(A, { grantId: 'grant-2' });
    expect(await end()).toMatchObject({ written: false, found: { grantId: 'grant-2' } });
    expect(await stored()).toEqual({ ...active, grantId: 'grant-2' });
    const nobody = { grantId: 'grant-1', status: 'active' } as const;
    expect(await db.table.end('nobody', nobody, 'disconnected_by_app', ms(9))).toEqual({
      written: false,
      found: undefined,
    });
    expect(await db.table.get('nobody')).toBeUndefined();
  });

  it('leaves one alone that a late STORE revived since it was read', async () => {
    expect(await end('reconnect_required')).toMatchObject({ written: false, found: active });
    expect(await stored()).toEqual(active);
  });
});

describe('STORE UNCHANGED', () => {
  const held = { accountId: A, leaseId: 'lease', refreshToken: REFRESH };
  const unchanged = {
    accessToken: NEW_ACCESS,
    refreshToken: REFRESH,
    accessTokenExpiresAt: s(9_000),
    refreshedAt: s(8_000),
  };
  const alone = { inDoubtSince: undefined, keepsMarks: false };
  beforeEach(() => db.set(A, { ...leased, ...marks }));

  it('saves the access token, and ends the lease and all marks', async () => {
    expect(await db.table.storeUnchanged(held, unchanged, alone)).toEqual({ stored: true });
    expect(await stored()).toEqual({ ...active, ...unchanged });
  });

  it('keeps the marks of others, and says that it took the lease over', async () => {
    const others = { inDoubtSince: ms(77), keepsMarks: true };
    await db.table.storeUnchanged(held, unchanged, others);
    const { unconfirmedAt } = marks;
    expect(await stored()).toEqual({ ...active, ...unchanged, unconfirmedAt, inDoubtSince: 77 });
  });

  it.each([
    ['another lease', { leaseId: 'other' }],
    ['another refresh token', { refreshToken: NEW_REFRESH }],
  ])('changes nothing under %s', async (_, change) => {
    await db.set(A, change);
    const before = await stored();
    const result = await db.table.storeUnchanged(held, unchanged, alone);
    expect(result).toEqual({ stored: false, found: before });
    expect(await stored()).toEqual(before);
  });

  it('recognises its own write: a retry whose first attempt landed', async () => {
    await db.table.storeUnchanged(held, unchanged, alone);
    expect(await db.table.storeUnchanged(held, unchanged, alone)).toEqual({ stored: true });
  });

  it('recognises nothing in a connection without an access token, or that is gone', async () => {
    await db.remove(A, ['leaseId', 'accessToken']);
    const found = await stored();
    expect(await db.table.storeUnchanged(held, unchanged, alone)).toEqual({ stored: false, found });
    const { accessToken: _, ...cutOff } = unchanged;
    expect(await db.table.storeUnchanged(held, cutOff, alone)).toMatchObject({ stored: false });
    await db.delete(A);
    expect(await db.table.storeUnchanged(held, unchanged, alone)).toEqual({
      stored: false,
      found: undefined,
    });
  });

  it('removes the access token if the answer was cut off before it', async () => {
    const { accessToken: _, ...cutOff } = unchanged;
    await db.table.storeUnchanged(held, cutOff, alone);
    expect(await stored()).not.toHaveProperty('accessToken');
  });
});

describe('RELEASE', () => {
  const held = { accountId: A, leaseId: 'lease', refreshToken: REFRESH };
  beforeEach(() => db.set(A, leased));

  it('ends the lease, and leaves the marks it is given', async () => {
    expect(await db.table.release(held, {})).toMatchObject({ written: true });
    expect(await stored()).toEqual(active);
    await db.set(A, leased);
    await db.table.release(held, {
      inDoubtSince: ms(5),
      unconfirmedAt: ms(6),
      refusedAt: ms(4),
      retryAt: ms(7),
    });
    expect(await stored()).toEqual({ ...active, ...marks });
    await db.set(A, leased);
    await db.table.release(held, { inDoubtSince: ms(8), unconfirmedAt: undefined });
    expect(await stored()).toEqual({ ...active, ...marks, inDoubtSince: 8 });
  });

  it.each([
    ['another’s lease', { leaseId: 'theirs' }],
    ['another token', { refreshToken: NEW_REFRESH }],
  ])('leaves %s alone', async (_, change) => {
    await db.set(A, change);
    expect(await db.table.release(held, { unconfirmedAt: ms(6) })).toEqual({
      written: false,
      found: { ...active, ...leased, ...change },
    });
    expect(await stored()).toEqual({ ...active, ...leased, ...change });
  });
});

describe('LAPSE', () => {
  const held = { accountId: A, leaseId: 'lease', refreshToken: REFRESH };
  beforeEach(() => db.set(A, { ...leased, ...marks }));

  it('ends the connection, keeps its tokens, and takes it out of the sweep', async () => {
    expect(await db.table.lapse(held, 'revoked', ms(9))).toMatchObject({ written: true });
    const { sweepSlot: _, ...rest } = active;
    const { retryAt: _retryAt, ...evidence } = marks;
    expect(await stored()).toEqual({ ...rest, ...evidence, ...lapsed });
  });

  it.each([
    ['under another’s lease', { leaseId: 'theirs' }],
    ['of another token', { refreshToken: NEW_REFRESH }],
  ])('is no verdict %s', async (_, change) => {
    await db.set(A, change);
    expect(await db.table.lapse(held, 'revoked', ms(9))).toMatchObject({ written: false });
    expect(await stored()).toEqual({ ...active, ...leased, ...marks, ...change });
  });

  it('is recognised as given only if it was given at this very time', async () => {
    await db.table.lapse(held, 'revoked', ms(9));
    const given = await stored();
    expect(await db.table.lapse(held, 'revoked', ms(9))).toMatchObject({ written: true });
    expect(await db.table.lapse(held, 'revoked', ms(10))).toEqual({ written: false, found: given });
    expect(await stored()).toEqual(given);
  });

  it('is none on a connection that is being disconnected: that one ends', async () => {
    expect(await db.table.endRefused(held, ms(9))).toMatchObject({ written: false });
    await db.set(A, disconnecting);
    expect(await db.table.lapse(held, 'revoked', ms(9))).toMatchObject({ written: false });
    expect(await stored()).toEqual({ ...active, ...leased, ...marks, ...disconnecting });
    expect(await db.table.endRefused(held, ms(9))).toMatchObject({ written: true });
    expect(await stored()).toMatchObject({
      status: 'disconnected',
      statusReason: 'disconnected_by_app',
      statusChangedAt: 9,
    });
    expect(Object.keys((await stored()) as object)).not.toEqual(
      expect.arrayContaining([
        expect.stringMatching(/token|sweepSlot|lease|since|unconfirmed|refused|retry|appeal/i),
      ]),
    );
  });

  it.each([
    ['under another’s lease', { leaseId: 'theirs' }],
    ['of another token', { refreshToken: NEW_REFRESH }],
  ])('ends no connection %s', async (_, change) => {
    await db.set(A, { ...change, ...disconnecting });
    expect(await db.table.endRefused(held, ms(9))).toMatchObject({ written: false });
    expect(await stored()).toMatchObject({ status: 'active', ...change });
  });
});

describe('a failed condition', () => {
  it('comes with the item where DynamoDB returns it, and costs a consistent read where not', async () => {
    const consistent: unknown[] = [];
    db.base.middlewareStack.add(
      (next, context) => async (args) => {
        if (context['commandName'] === 'GetItemCommand') {
          consistent.push((args.input as { ConsistentRead?: boolean }).ConsistentRead);
        }
        return next(args);
      },
      { step: 'initialize' },
    );
    db.calls.length = 0;
    const result = await db.table.release(
      { accountId: A, leaseId: 'x', refreshToken: REFRESH },
      {},
    );
    expect(result).toEqual({ written: false, found: active });
    const isAws = process.env['DYNAMODB_ENDPOINT'] !== undefined;
    expect(db.calls).toEqual(isAws ? ['UpdateItem'] : ['UpdateItem', 'GetItem']);
    expect(consistent).toEqual(isAws ? [] : [true]);
    await stored();
    expect(consistent.at(-1)).toBe(true);
  });
});
