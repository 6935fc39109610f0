import { beforeEach, describe, expect, it } from 'vitest';
import { plus } from '../../../shared/runtime/clock.ts';
import { breakerItem } from '../../../shared/tokens/breaker-item.ts';
import {
  LEASE,
  LONGEST_LEASE,
  PROBE_EVERY,
  PROMPT_PROBES,
} from '../../../shared/tokens/budgets.ts';
import { BREAKER_ID } from '../../../shared/tokens/other-items.ts';
import { tokenSystem } from '../../support/token-system.ts';

let system: Awaited<ReturnType<typeof tokenSystem>>;
let item: ReturnType<typeof breakerItem>;
beforeEach(async () => {
  system = await tokenSystem();
  item = breakerItem(system.db.client, system.db.tableName);
});

const now = () => system.clock.now();
const next = () => plus(now(), PROBE_EVERY);
const look = () => item.look(now(), true);
const stored = () => system.db.table.get(BREAKER_ID) as Promise<object | undefined>;

/** Opens the breaker and waits until a probe may go. */
async function opened(): Promise<void> {
  await item.open(now());
  system.clock.advance(PROBE_EVERY);
}

describe('the item of the circuit breaker', () => {
  it('is closed until it is opened, and opened once', async () => {
    expect(await look()).toBe('closed');
    await item.open(now());
    expect(await look()).toBe('open');
    const first = await stored();
    system.clock.advance(1_000);
    await item.open(now());
    expect(await stored()).toEqual(first);
  });

  it('gives the place of the probe to nobody before its time, and to one after it', async () => {
    await item.open(now());
    system.clock.advance(PROBE_EVERY - 1);
    expect(await item.takeProbe('early', now())).toBe('refused');
    expect(await look()).toBe('open');
    system.clock.advance(1);
    expect(await look()).toBe('probe is due');
    expect(await item.takeProbe('first', now())).toBe('taken');
    expect(await item.takeProbe('second', now())).toBe('refused');
    expect(await stored()).toMatchObject({ probeId: 'first', probeEndsAt: plus(now(), LEASE) });
  });

  it('needs no probe while it is closed', async () => {
    expect(await item.takeProbe('first', now())).toBe('closed');
    expect(await stored()).toBeUndefined();
  });

  it('gives away a place that is taken for longer than any holder may have it', async () => {
    await opened();
    await item.takeProbe('first', now());
    await item.holdProbe('first', plus(now(), LONGEST_LEASE));
    expect(await item.takeProbe('second', now())).toBe('refused');
    expect(await look()).toBe('open');
    await item.holdProbe('first', plus(now(), LONGEST_LEASE + 1));
    expect(await look()).toBe('probe is due');
    expect(await item.takeProbe('second', now())).toBe('taken');
  });

  it('knows the place that it took though the answer was lost', async () => {
    await opened();
    system.db.fail('UpdateItem', 'lost');
    expect(await item.takeProbe('first', now())).toBe('taken');
  });

  it('is read consistently if that is asked for, and at half the price otherwise', async () => {
    const reads: unknown[] = [];
    system.db.base.middlewareStack.add(
      (next) => (args) => {
        reads.push((args.input as { ConsistentRead?: boolean }).ConsistentRead);
        return next(args);
      },
      { step: 'initialize' },
    );
    await item.look(now(), true);
    await item.look(now(), false);
    expect(reads).toEqual([true, false]);
  });

  it('throws what the table threw', async () => {
    await opened();
    system.db.fail('UpdateItem', 'refused', 'refused');
    await expect(item.takeProbe('first', now())).rejects.toThrow();
    expect(await stored()).not.toHaveProperty('probeId');
  });

  it('lets its probe alone hold, succeed or fail', async () => {
    await opened();
    await item.takeProbe('first', now());
    const before = await stored();
    await item.holdProbe('other', next());
    await item.succeeded('other', next());
    await item.failed('other', next());
    expect(await stored()).toEqual(before);
  });

  it('closes after enough probes in a row, each with one write but the ones that do not close it', async () => {
    await opened();
    const writes: number[] = [];
    for (let probe = 1; probe <= PROMPT_PROBES; probe++) {
      await item.takeProbe(`${probe}`, now());
      system.db.calls.length = 0;
      await item.succeeded(`${probe}`, next());
      writes.push(system.db.calls.filter((call) => call === 'UpdateItem').length);
      expect(await look()).toBe(probe < PROMPT_PROBES ? 'open' : 'closed');
      if (probe < PROMPT_PROBES) {
        expect(await stored()).toMatchObject({ prompt: probe, probeEndsAt: next() });
        expect(await stored()).not.toHaveProperty('probeId');
        expect(await item.takeProbe('too early', now())).toBe('refused');
      }
      system.clock.advance(PROBE_EVERY);
    }
    expect(writes).toEqual([...Array(PROMPT_PROBES - 1).fill(2), 1]);
    expect(await stored()).toEqual({ accountId: BREAKER_ID });
  });

  it('counts anew after a probe that failed, and lets the next one go in time', async () => {
    await opened();
    await item.takeProbe('first', now());
    await item.succeeded('first', now());
    await item.takeProbe('second', now());
    await item.failed('second', next());
    expect(await stored()).toEqual({
      accountId: BREAKER_ID,
      openedAt: expect.any(Number),
      probeEndsAt: next(),
    });
  });

  it('counts anew when it opens anew', async () => {
    await opened();
    for (let probe = 1; probe <= PROMPT_PROBES; probe++) {
      await item.takeProbe(`${probe}`, now());
      await item.succeeded(`${probe}`, now());
    }
    await opened();
    await item.takeProbe('again', now());
    await item.succeeded('again', now());
    expect(await stored()).toMatchObject({ prompt: 1 });
  });
});
