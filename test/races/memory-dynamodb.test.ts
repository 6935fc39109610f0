import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EpochMs, EpochSeconds } from '../../shared/runtime/clock.ts';
import { type ConnectionTable, connectionTable } from '../../shared/tokens/connection-table.ts';
import { slotOf } from '../../shared/tokens/sweep-wheel.ts';
import { testTable } from '../support/connections.ts';
import { type Item, perform } from './memory-dynamodb.ts';

/* The races are run on a table in memory; here it does what the real one does, call by call. */

const bytes = fc.constantFrom(...[1, 2, 3].map((n) => new Uint8Array([n]))) as fc.Arbitrary<never>;
const time = fc.constantFrom(1_000, 50_000, 100_000) as fc.Arbitrary<never>;
const name = fc.constantFrom('a', 'b');
const slot = fc.constantFrom(...(['warm', 'idle'] as const).map((each) => slotOf('account', each)));
const held = fc.record({ accountId: fc.constant('account'), leaseId: name, refreshToken: bytes });

type Call = (table: ConnectionTable) => Promise<unknown>;

const calls: fc.Arbitrary<Call> = fc.oneof(
  fc
    .record({
      connectedAt: time,
      grantId: name,
      accessToken: bytes,
      refreshToken: bytes,
      ref: fc.option(name, { nil: undefined }),
    })
    .map(
      ({ ref, ...grant }): Call =>
        (table) =>
          table.saveGrant(
            {
              ...grant,
              ...(ref && { ref }),
              accountId: 'account',
              accountName: 'name',
              accessTokenExpiresAt: 100_000 as EpochSeconds,
              refreshedAt: 1 as EpochSeconds,
            },
            grant.connectedAt,
          ),
    ),
  fc
    .record({
      id: name,
      expiresAt: time,
      horizon: time,
      now: time,
      rejected: fc.option(bytes, { nil: undefined }),
    })
    .map(
      ({ id, expiresAt, horizon, rejected, now }): Call =>
        (table) =>
          table.claim('account', { id, expiresAt }, now, { horizon, rejected }),
    ),
  fc
    .record({
      redeemed: bytes,
      accessToken: bytes,
      refreshToken: bytes,
      accessTokenExpiresAt: time,
    })
    .map(
      ({ redeemed, ...successor }): Call =>
        (table) =>
          table.store('account', redeemed, { ...successor, refreshedAt: 2 as EpochSeconds }),
    ),
  fc
    .record({
      held,
      accessToken: fc.option(bytes, { nil: undefined }),
      refreshToken: bytes,
      accessTokenExpiresAt: time,
      inDoubtSince: fc.option(time, { nil: undefined }),
      keepsMarks: fc.boolean(),
    })
    .map(
      ({ held: by, inDoubtSince, keepsMarks, ...successor }): Call =>
        (table) =>
          table.storeUnchanged(
            by,
            { ...successor, refreshedAt: 3 as EpochSeconds },
            // A takeover keeps the marks; the same attribute cannot be set and removed.
            { inDoubtSince, keepsMarks: keepsMarks || inDoubtSince !== undefined },
          ),
    ),
  fc.record({ held, expiresAt: time }).map(
    ({ held: by, expiresAt }): Call =>
      (table) =>
        table.renew(by, expiresAt),
  ),
  fc
    .record({
      held,
      inDoubtSince: fc.option(time, { nil: undefined }),
      unconfirmedAt: fc.option(time, { nil: undefined }),
      refusedAt: fc.option(time, { nil: undefined }),
      retryAt: fc.option(time, { nil: undefined }),
    })
    .map(
      ({ held: by, ...marks }): Call =>
        (table) =>
          table.release(by, marks),
    ),
  held.map(
    (by): Call =>
      (table) =>
        table.lapse(by, 'revoked', 7 as EpochMs),
  ),
  held.map(
    (by): Call =>
      (table) =>
        table.endRefused(by, 7 as EpochMs),
  ),
  name.map(
    (id): Call =>
      (table) =>
        table.markDisconnecting('account', id, 6 as EpochMs),
  ),
  fc
    .record({
      grantId: name,
      status: fc.constantFrom('active' as const, 'reconnect_required' as const),
    })
    .map(
      (found): Call =>
        (table) =>
          table.end('account', found, 'disconnected_by_app', 8 as EpochMs),
    ),
  fc.constantFrom(1_000, 50_000_000).map(
    (now): Call =>
      (table) =>
        table.noteUse('account', now as EpochMs),
  ),
  fc
    .record({
      grantId: name,
      usedAt: fc.constantFrom(undefined, 1_000, 50_000_000),
      sweepSlot: slot,
      to: slot,
    })
    .map(
      ({ to, ...read }): Call =>
        (table) =>
          table.move({ accountId: 'account', ...read } as never, to),
    ),
  fc.constant<Call>((table) => table.get('account')),
);

describe('the table in memory', () => {
  it.each([true, false])(
    'does what DynamoDB does (item of a failed condition: %s)',
    async (returned) => {
      const real = await testTable();
      await fc.assert(
        fc.asyncProperty(fc.array(calls, { minLength: 1, maxLength: 12 }), async (sequence) => {
          await real.delete('account');
          let item: Item | undefined;
          const send = async (command: { input: unknown }) => {
            const { item: after, reply } = perform(item, command, returned);
            item = after;
            if ('error' in reply) throw reply.error;
            return reply.value;
          };
          const client = { send };
          const table = connectionTable(client as never, 'any');
          for (const call of sequence) {
            expect(await call(table)).toEqual(withoutPrototypes(await call(real.table)));
            const stored = withoutPrototypes(await real.table.get('account'));
            expect(item).toEqual(stored);
          }
        }),
        { numRuns: 30 },
      );
    },
  );
});

/** The SDK's bytes are of another class than ours. */
function withoutPrototypes<T>(value: T): T {
  return value === undefined ? value : (structuredClone(value) as T);
}
