import { beforeEach, describe, expect, it } from 'vitest';
import { type EpochMs, plus } from '../../../shared/runtime/clock.ts';
import { HOUR } from '../../../shared/tokens/budgets.ts';
import { type KeepWarm, slotOf } from '../../../shared/tokens/sweep-wheel.ts';
import { visits } from '../../../shared/tokens/visit.ts';
import { ACCOUNT, CALL_TIME, MINUTE, tokenSystem } from '../../support/token-system.ts';

const DAY = 24 * HOUR;
const warm = slotOf(ACCOUNT, 'warm');
const idle = slotOf(ACCOUNT, 'idle');

let system: Awaited<ReturnType<typeof tokenSystem>>;
let validity: number[];
beforeEach(async () => {
  system = await tokenSystem();
  validity = [];
  await system.connect();
});

function visit(keepWarm: KeepWarm = DAY, until?: EpochMs): Promise<void> {
  const { clock, db, startProcess } = system;
  const { visit } = visits({
    tokens: startProcess(),
    table: db.table,
    clock,
    keepWarm,
    validityLeft: (seconds) => validity.push(seconds),
  });
  return visit(ACCOUNT, plus(clock.now(), CALL_TIME), until);
}
/** Whatever the sweeps did meanwhile. */
const unusedFor = (ms: number) => system.clock.advance(ms);

describe('a visit', () => {
  it('refreshes a token that would not last until the next visit and ten minutes more', async () => {
    system.clock.advance(5 * MINUTE - 1_000);
    await visit();
    expect(await system.stored()).toMatchObject({ rotation: 0, sweepSlot: warm });
    system.clock.advance(1_000);
    await visit();
    expect(await system.stored()).toMatchObject({ rotation: 1, sweepSlot: warm });
  });

  it('that is late provides for less, up to the next one', async () => {
    system.clock.advance(20 * MINUTE);
    const rotates = async (until: number) => {
      const { rotation = 0 } = await system.stored();
      await visit(DAY, plus(system.clock.now(), until));
      return (await system.stored()).rotation === rotation + 1;
    };
    expect(await rotates(30 * MINUTE - 1_000)).toBe(false);
    expect(await rotates(30 * MINUTE)).toBe(true);
    // The next one should have come already.
    expect(await rotates(-20 * MINUTE)).toBe(false);
    system.clock.advance(50 * MINUTE - 1_000);
    expect(await rotates(-20 * MINUTE)).toBe(false);
    system.clock.advance(1_000);
    expect(await rotates(-20 * MINUTE)).toBe(true);
  });

  it('costs two writes if it refreshes, and one if not', async () => {
    const writes = async () => {
      system.db.calls.length = 0;
      await visit();
      return system.db.calls.filter((call) => call === 'UpdateItem').length;
    };
    expect(await writes()).toBe(1);
    system.clock.advance(45 * MINUTE);
    expect(await writes()).toBe(2);
  });

  it('moves a connection that nobody used to its daily slot, refreshed', async () => {
    unusedFor(24 * HOUR + 7 * HOUR - 1);
    await visit();
    expect(await system.stored()).toMatchObject({ rotation: 1, sweepSlot: warm });
    system.clock.advance(45 * MINUTE);
    await visit();
    expect(await system.stored()).toMatchObject({ rotation: 2, sweepSlot: idle });
  });

  it('moves it also if its token was fresh', async () => {
    unusedFor(2 * DAY);
    await visit('forever');
    expect(await system.stored()).toMatchObject({ rotation: 1, sweepSlot: warm });
    await visit();
    expect(await system.stored()).toMatchObject({ rotation: 1, sweepSlot: idle });
  });

  it('leaves it in its daily slot from day to day, one refresh each', async () => {
    unusedFor(2 * DAY);
    await visit();
    for (let day = 2; day <= 4; day++) {
      system.clock.advance(DAY);
      await visit();
      expect(await system.stored()).toMatchObject({ rotation: day, sweepSlot: idle });
    }
  });

  it('brings it back if connections are now kept warm for ever', async () => {
    unusedFor(2 * DAY);
    await visit();
    await visit('forever');
    expect(await system.stored()).toMatchObject({ sweepSlot: warm });
  });

  it('does not move a connection that was used since it was read', async () => {
    unusedFor(2 * DAY);
    const { table } = system.db;
    const before = await system.stored();
    await table.noteUse(ACCOUNT, system.clock.now());
    expect(await table.move(before, idle)).toMatchObject({ written: false });
    expect(await system.stored()).toMatchObject({ sweepSlot: warm });
  });

  it('does not move a connection that has connected anew since it was read', async () => {
    unusedFor(2 * DAY);
    const before = await system.stored();
    await system.connect();
    expect(await system.db.table.move(before, idle)).toMatchObject({ written: false });
    expect(await system.stored()).toMatchObject({ sweepSlot: warm });
  });

  it('leaves a connection alone that is being disconnected', async () => {
    unusedFor(2 * DAY);
    const { grantId } = await system.stored();
    await system.db.table.markDisconnecting(ACCOUNT, grantId, system.clock.now());
    await expect(visit()).resolves.toBeUndefined();
    expect(await system.stored()).toMatchObject({ rotation: 1, sweepSlot: 'disconnecting' });
  });

  it('succeeds though the move fails, and the next visit makes up for it', async () => {
    unusedFor(2 * DAY);
    await visit('forever');
    system.db.fail('UpdateItem', ...Array.from({ length: 2 }, () => 'lost' as const));
    await visit();
    system.db.fail('UpdateItem');
    system.clock.advance(1);
    await visit();
    expect(await system.stored()).toMatchObject({ sweepSlot: idle });
  });

  it('gives a connection without a slot one, and fails for one that needs its admin', async () => {
    await system.db.remove(ACCOUNT, ['sweepSlot']);
    system.expireAccessToken();
    await visit();
    expect(await system.stored()).toMatchObject({ sweepSlot: warm });
    await system.db.set(ACCOUNT, { status: 'reconnect_required', statusReason: 'revoked' });
    await expect(visit()).rejects.toMatchObject({ code: 'reconnect_required' });
  });
});

describe('how much validity was left', () => {
  it('is reported when a refresh begins', async () => {
    system.clock.advance(45 * MINUTE);
    await visit();
    expect(validity).toEqual([15 * 60]);
  });

  it('is not, if there was nothing to refresh', async () => {
    await visit();
    expect(validity).toEqual([]);
  });

  it('is not, of tokens that are not meant to last until a visit', async () => {
    // Idle.
    unusedFor(2 * DAY);
    await visit('forever');
    validity = [];
    await system.db.table.move(await system.stored(), idle);
    system.clock.advance(DAY);
    await visit();
    expect(validity).toEqual([]);
    // Idle until a moment ago.
    await system.db.table.noteUse(ACCOUNT, system.clock.now());
    system.clock.advance(59 * MINUTE);
    await visit();
    expect(validity).toEqual([]);
    system.clock.advance(62 * MINUTE);
    await visit();
    expect(validity).toHaveLength(1);
    // Of a server whose tokens live for less than a turn.
    const { refreshedAt } = await system.stored();
    await system.db.set(ACCOUNT, { accessTokenExpiresAt: refreshedAt + 55 * 60 });
    system.clock.advance(45 * MINUTE);
    await visit();
    expect(validity).toHaveLength(1);
  });
});
