import { describe, expect, it } from 'vitest';
import { plus } from '../../../shared/runtime/clock.ts';
import { APPEAL_SHARDS, appealShardOf } from '../../../shared/tokens/connection.ts';
import { sweepIndex } from '../../../shared/tokens/sweep-index.ts';
import { sweepProgress } from '../../../shared/tokens/sweep-progress.ts';
import { slotOf } from '../../../shared/tokens/sweep-wheel.ts';
import { tokenSystem } from '../../support/token-system.ts';

const all = async (pages: AsyncGenerator<string[]>) => {
  const found: string[] = [];
  for await (const page of pages) found.push(...page);
  return found.sort();
};

describe('the index of the slots', () => {
  it('finds the active connections of a slot, and no other item', async () => {
    const { db, connect } = await tokenSystem();
    const index = sweepIndex(db.client, db.tableName);
    const accounts = Array.from({ length: 60 }, (_, id) => `account-${id}`);
    for (const account of accounts) await connect(account);
    await db.remove('account-7', ['sweepSlot']);
    await sweepProgress(db.client, db.tableName).set(1 as never);
    const slots = new Set(accounts.map((account) => slotOf(account, 'warm')));
    const found: string[] = [];
    for (const slot of slots) {
      const inSlot = await all(index.inSlot(slot));
      for (const account of inSlot) expect(slotOf(account, 'warm')).toBe(slot);
      found.push(...inSlot);
    }
    expect(found.sort()).toEqual(accounts.filter((account) => account !== 'account-7').sort());
    expect(await all(index.inSlot('disconnecting'))).toEqual([]);
    await db.set('account-8', { sweepSlot: 'disconnecting' });
    expect(await all(index.inSlot('disconnecting'))).toEqual(['account-8']);
    expect(await all(index.inAllSlots())).toEqual(
      accounts.filter((account) => !['account-7', 'account-8'].includes(account)).sort(),
    );
  });

  it('keeps its entries through refreshes', async () => {
    const { db, connect, helper, expireAccessToken } = await tokenSystem();
    await connect('account-1');
    expireAccessToken();
    await helper.getAccessToken('account-1');
    const index = sweepIndex(db.client, db.tableName);
    expect(await all(index.inSlot(slotOf('account-1', 'warm')))).toEqual(['account-1']);
  });
});

describe('the index of the appeals', () => {
  it('finds, in all shards, those that are due', async () => {
    const { db, clock, connect } = await tokenSystem();
    const index = sweepIndex(db.client, db.tableName);
    const accounts = Array.from({ length: 60 }, (_, id) => `account-${id}`);
    expect(new Set(accounts.map(appealShardOf)).size).toBe(APPEAL_SHARDS);
    for (const account of [...accounts, 'early']) {
      await connect(account);
      const appealAt = plus(clock.now(), account === 'early' ? 1 : 0);
      await db.set(account, { appealShard: appealShardOf(account), appealAt });
    }
    expect(await all(index.appeals(clock.now()))).toEqual([...accounts].sort());
  });
});

describe('how far the sweeps have come', () => {
  it('is not known at first, and never goes back', async () => {
    const { db, clock } = await tokenSystem();
    const progress = sweepProgress(db.client, db.tableName);
    expect(await progress.get(clock.now())).toBeUndefined();
    const later = plus(clock.now(), 60_000);
    await progress.set(later);
    await progress.set(clock.now());
    await progress.set(later);
    expect(await progress.get(clock.now())).toBe(later);
  });

  it('is not believed if it is more than a day ahead: a clock was wrong', async () => {
    const { db, clock } = await tokenSystem();
    const progress = sweepProgress(db.client, db.tableName);
    const wrong = plus(clock.now(), 24 * 60 * 60_000 + 1);
    await progress.set(wrong);
    expect(await progress.get(clock.now())).toBeUndefined();
    await progress.set(clock.now());
    expect(await progress.get(clock.now())).toBe(clock.now());
    expect(await progress.get(plus(clock.now(), -60_000))).toBe(clock.now());
  });

  it('throws what the table threw', async () => {
    const { db } = await tokenSystem();
    db.fail('UpdateItem', 'refused', 'refused');
    await expect(sweepProgress(db.client, db.tableName).set(1 as never)).rejects.toThrow();
  });
});
