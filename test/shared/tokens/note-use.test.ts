import { beforeEach, describe, expect, it } from 'vitest';
import { plus } from '../../../shared/runtime/clock.ts';
import { HOUR } from '../../../shared/tokens/budgets.ts';
import { slotOf } from '../../../shared/tokens/sweep-wheel.ts';
import { visits } from '../../../shared/tokens/visit.ts';
import { ACCOUNT, CALL_TIME, MINUTE, tokenSystem } from '../../support/token-system.ts';

const DAY = 24 * HOUR;
const warm = slotOf(ACCOUNT, 'warm');
const idle = slotOf(ACCOUNT, 'idle');

let system: Awaited<ReturnType<typeof tokenSystem>>;
beforeEach(async () => {
  system = await tokenSystem();
  await system.connect();
});
const ask = () => system.startProcess().getAccessToken(ACCOUNT);
const writes = () => system.db.calls.filter((call) => call === 'UpdateItem').length;

describe('a use', () => {
  it('is noted by the first caller after six hours, and a new grant counts as one', async () => {
    system.clock.advance(6 * HOUR - 1);
    await ask();
    expect(await system.stored()).not.toHaveProperty('usedAt');
    system.clock.advance(1);
    await ask();
    expect(await system.stored()).toMatchObject({ usedAt: system.clock.now() });
  });

  it('costs four writes a day, however often the token is asked for', async () => {
    let notes = 0;
    for (let minute = 0; minute < 3 * 24 * 60; minute += 10) {
      const { rotation: before = 0 } = await system.stored();
      system.db.calls.length = 0;
      await ask();
      const { rotation = 0 } = await system.stored();
      // CLAIM and STORE are no notes.
      notes += writes() - 2 * (rotation - before);
      system.clock.advance(10 * MINUTE);
    }
    expect(notes).toBeGreaterThanOrEqual(10);
    expect(notes).toBeLessThanOrEqual(3 * 4);
  });

  it('counts also where tokens are kept in memory until they expire', async () => {
    const container = system.startProcess();
    const { visit } = visits({
      tokens: system.startProcess(),
      table: system.db.table,
      clock: system.clock,
      keepWarm: HOUR,
      validityLeft: () => undefined,
    });
    let lastsUntil = 0;
    for (let turn = 0; turn < 3 * 32; turn++) {
      // As a client does, with the container's memory behind it.
      if (lastsUntil - system.nowSeconds() < 60) {
        lastsUntil = (await container.getAccessToken(ACCOUNT)).expiresAt;
      }
      await visit(ACCOUNT, plus(system.clock.now(), CALL_TIME));
      expect(await system.stored()).toMatchObject({ sweepSlot: warm });
      system.clock.advance(45 * MINUTE);
    }
    // And it goes idle once nobody asks any more.
    system.clock.advance(9 * HOUR);
    await visit(ACCOUNT, plus(system.clock.now(), CALL_TIME));
    expect(await system.stored()).toMatchObject({ sweepSlot: idle });
  });

  it('is noted once by callers of a process at once', async () => {
    system.clock.advance(7 * HOUR);
    await ask();
    system.clock.advance(6 * HOUR + 10 * MINUTE);
    await ask();
    system.clock.advance(50 * MINUTE);
    const process = system.startProcess();
    await system.db.set(ACCOUNT, { usedAt: 1 });
    system.db.calls.length = 0;
    await Promise.all(Array.from({ length: 20 }, () => process.getAccessToken(ACCOUNT)));
    expect(writes()).toBe(1);
  });

  it('brings an idle connection back to its warm slot, with a refresh on demand', async () => {
    system.clock.advance(3 * DAY);
    await system.db.table.move(await system.stored(), idle);
    await ask();
    expect(await system.stored()).toMatchObject({
      rotation: 1,
      usedAt: system.clock.now(),
      sweepSlot: warm,
    });
  });

  it('brings it back also if its token of today is still good', async () => {
    system.clock.advance(3 * DAY);
    await ask();
    await system.db.set(ACCOUNT, { usedAt: 1, sweepSlot: idle });
    await ask();
    expect(await system.stored()).toMatchObject({ rotation: 1, sweepSlot: warm });
  });

  it('does not fail the answer, nor delay it for long', async () => {
    system.clock.advance(7 * HOUR);
    await ask();
    await system.db.set(ACCOUNT, { usedAt: 1 });
    system.db.fail('UpdateItem', 'refused', 'refused');
    expect(await ask()).toHaveProperty('accessToken');
    expect(await system.stored()).toMatchObject({ usedAt: 1 });
    system.db.base.middlewareStack.add(
      (next, context) => (args) =>
        context['commandName'] === 'UpdateItemCommand' ? new Promise(() => undefined) : next(args),
      { step: 'finalizeRequest', priority: 'low' },
    );
    expect(await ask()).toHaveProperty('accessToken');
  });

  it('changes nothing of a connection that is being disconnected', async () => {
    system.clock.advance(7 * HOUR);
    const { grantId } = await system.stored();
    await system.db.table.markDisconnecting(ACCOUNT, grantId, system.clock.now());
    const before = await system.stored();
    expect(await system.db.table.noteUse(ACCOUNT, system.clock.now())).toMatchObject({
      written: false,
    });
    expect(await system.stored()).toEqual(before);
  });

  it('ends with its connection', async () => {
    system.clock.advance(7 * HOUR);
    await ask();
    const found = await system.stored();
    await system.db.table.end(ACCOUNT, found, 'disconnected_by_app', system.clock.now());
    expect(await system.stored()).not.toHaveProperty('usedAt');
    expect(await system.stored()).not.toHaveProperty('sweepSlot');
  });
});
