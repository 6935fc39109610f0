import { readFileSync } from 'node:fs';
import { DescribeTableCommand, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { beforeAll, describe, expect, it } from 'vitest';
import { linkUses } from '../../shared/connect/link-uses.ts';
import { type EpochSeconds, plus, toSeconds } from '../../shared/runtime/clock.ts';
import { breakerItem } from '../../shared/tokens/breaker-item.ts';
import { APPEALS_AFTER, ESCROW_TRIES, HOUR, LEASE } from '../../shared/tokens/budgets.ts';
import type { LapsedConnection } from '../../shared/tokens/connection.ts';
import type { ConnectionTable } from '../../shared/tokens/connection-table.ts';
import { BREAKER_ID, LINK_USE_PREFIX, SWEEP_ID } from '../../shared/tokens/other-items.ts';
import { saveGrant } from '../../shared/tokens/save-grant.ts';
import { seal } from '../../shared/tokens/sealing.ts';
import { sweepProgress } from '../../shared/tokens/sweep-progress.ts';
import { slotOf } from '../../shared/tokens/sweep-wheel.ts';
import { MINUTE, tokenSystem } from '../support/token-system.ts';

/* Makes every write of the code, and holds docs/storage-schema.md to the items. */

const page = readFileSync(new URL('../../docs/storage-schema.md', import.meta.url), 'utf8');
const STATUSES = ['active', 'reconnect_required', 'disconnected'] as const;

/** What the page calls each write of a connection. */
const WRITES: Readonly<Record<Exclude<keyof ConnectionTable, 'get'>, string>> = {
  saveGrant: 'new grant',
  claim: 'CLAIM',
  claimAppeal: 'CLAIM APPEAL',
  renew: 'RENEW',
  release: 'RELEASE',
  lapse: 'LAPSE',
  store: 'STORE',
  storeUnchanged: 'STORE UNCHANGED',
  markEscrowed: 'ESCROW',
  noteUse: 'NOTE USE',
  move: 'MOVE',
  markDisconnecting: 'DISCONNECTING',
  end: 'END',
  endRefused: 'END REFUSED',
};

type Item = Readonly<Record<string, { S?: string; N?: string; B?: Uint8Array }>>;
interface Row {
  readonly name: string;
  readonly type: string;
  readonly more: readonly string[];
}

/** The rows of the tables of attributes below a heading, up to the next heading of that rank. */
function rowsBelow(heading: string): Row[] {
  const [, section = ''] = page.split(`\n${heading}\n`);
  const [own = ''] = section.split(new RegExp(`\n#{2,${heading.indexOf(' ')}} `));
  return [...own.matchAll(/^\| `(\w+)` \| ([SNB][^|]*?) \| (.*) \|$/gm)].map(
    ([, name = '', type = '', rest = '']) => ({ name, type, more: rest.split(' | ') }),
  );
}

describe('docs/storage-schema.md', () => {
  const seen: Item[] = [];
  const writers = new Map<string, Set<string>>();
  const others = new Map<string, Item[]>();
  let indexes: unknown[] = [];

  beforeAll(async () => {
    const { db, clock, keys } = await tokenSystem();
    const key = await keys.current();
    let expression = '';
    db.base.middlewareStack.add(
      (next) => (args) => {
        const { UpdateExpression = '', ExpressionAttributeNames = {} } = args.input as {
          UpdateExpression?: string;
          ExpressionAttributeNames?: Record<string, string>;
        };
        if (UpdateExpression !== '') {
          const named = (name: string) => ExpressionAttributeNames[name] ?? '';
          expression = UpdateExpression.replaceAll(/#\w+/g, named);
        }
        return next(args);
      },
      { step: 'initialize' },
    );
    const itemOf = async (accountId: string) => {
      const command = { TableName: db.tableName, Key: { accountId: { S: accountId } } };
      return (await db.base.send(new GetItemCommand(command))).Item as Item;
    };

    const notSeen = new Set(Object.keys(WRITES));
    /** Makes a write that must succeed, and notes what it set and what the item then is. */
    async function write<W extends keyof typeof WRITES>(
      name: W,
      accountId: string,
      make: (write: ConnectionTable[W]) => Promise<unknown>,
    ) {
      const result = await make(db.table[name]);
      expect(Object.values(result as object)[0], `${name} of ${accountId}`).toBe(true);
      notSeen.delete(name);
      const item = await itemOf(accountId);
      seen.push(item);
      const [, assignments = ''] = /SET (.*?)( REMOVE |$)/.exec(expression) ?? [];
      for (const [, attribute = ''] of assignments.matchAll(/(\w+) = /g)) {
        writers.set(attribute, (writers.get(attribute) ?? new Set()).add(WRITES[name]));
      }
    }

    const named = { userId: '1077988', ref: 'customer-7' };
    async function connect(accountId: string, who: Partial<typeof named>): Promise<void> {
      const grant = {
        ...{ accountId, accountName: 'Maple Street Plumbing', clientId: 'client', ...who },
        ...{ accessToken: 'access', refreshToken: 'refresh', connectedAt: clock.now() },
        expiresAt: plus(toSeconds(clock.now()), 3_600),
      };
      await write('saveGrant', accountId, async (write) => {
        const table = { ...db.table, saveGrant: write };
        const saved = await saveGrant({ table, clock }, key, grant, plus(clock.now(), MINUTE));
        return [saved.outcome === 'connected'];
      });
      // Its key is no part of the expression.
      writers.set('accountId', new Set([WRITES.saveGrant]));
    }
    const held = async (accountId: string) => {
      const found = await db.table.get(accountId);
      if (!found || !('refreshToken' in found)) throw new Error(`${accountId} has no token.`);
      return { accountId, leaseId: 'lease', refreshToken: found.refreshToken };
    };
    const lease = () => ({ id: 'lease', expiresAt: plus(clock.now(), LEASE) });
    const due = { horizon: 9_999_999_999 as EpochSeconds };
    const claim = (accountId: string) =>
      write('claim', accountId, (claim) => claim(accountId, lease(), clock.now(), due));
    const successor = (accountId: string, hasAccess: boolean) => ({
      refreshToken: seal(key, 'next', accountId, 'refreshToken'),
      accessToken: hasAccess ? seal(key, 'access', accountId, 'accessToken') : undefined,
      accessTokenExpiresAt: 1_900_000_000 as EpochSeconds,
      refreshedAt: 1_800_000_000 as EpochSeconds,
    });
    const marks = () => ({
      inDoubtSince: clock.now(),
      unconfirmedAt: clock.now(),
      refusedAt: clock.now(),
    });

    // One that has everything, and is given up, appealed and revived.
    await connect('a', named);
    await write('noteUse', 'a', (noteUse) => noteUse('a', clock.now()));
    await claim('a');
    const first = await held('a');
    await write('renew', 'a', (renew) => renew(first, plus(clock.now(), LEASE)));
    await write('release', 'a', (release) =>
      release(first, { ...marks(), retryAt: plus(clock.now(), MINUTE) }),
    );
    clock.advance(2 * MINUTE);
    await claim('a');
    await write('markEscrowed', 'a', (mark) => mark('a', first.refreshToken, clock.now()));
    await write('lapse', 'a', (lapse) => lapse(first, 'revoked', clock.now()));
    clock.advance(ESCROW_TRIES + HOUR);
    const appeal = async () => {
      const lapsed = (await db.table.get('a')) as LapsedConnection;
      await write('claimAppeal', 'a', (claim) => claim(lapsed, lease(), clock.now()));
      await write('release', 'a', (release) => release(first, { statusReason: 'rotation_lost' }));
    };
    await appeal();
    clock.advance((APPEALS_AFTER.at(-1) ?? 0) + HOUR);
    await appeal();
    await write('store', 'a', (store) => store('a', first.refreshToken, successor('a', true)));
    await write('store', 'a', async (store) =>
      store('a', (await held('a')).refreshToken, successor('a', false)),
    );
    await claim('a');
    await write('storeUnchanged', 'a', async (store) => {
      const own = await held('a');
      const next = { ...successor('a', true), refreshToken: own.refreshToken };
      return store(own, next, { inDoubtSince: clock.now(), keepsMarks: true });
    });
    await write('move', 'a', async (move) =>
      move((await db.table.get('a')) as never, slotOf('a', 'idle')),
    );
    const { grantId } = (await db.table.get('a')) as { grantId: string };
    await write('markDisconnecting', 'a', (mark) => mark('a', grantId, clock.now()));
    await claim('a');
    await write('endRefused', 'a', async (end) => end(await held('a'), clock.now()));

    // One that has as little as there may be, and is given up as well.
    await connect('b', {});
    await write('store', 'b', async (store) =>
      store('b', (await held('b')).refreshToken, successor('b', false)),
    );
    await claim('b');
    await write('lapse', 'b', async (lapse) => lapse(await held('b'), 'revoked', clock.now()));
    await write('end', 'b', async (end) => {
      const found = (await db.table.get('b')) as LapsedConnection;
      return end('b', found, 'disconnected_in_jobber', clock.now());
    });
    expect([...notSeen]).toEqual([]);

    const breaker = breakerItem(db.client, db.tableName);
    const ofBreaker: Item[] = [];
    others.set('### The circuit breaker', ofBreaker);
    for (const step of [
      () => breaker.open(clock.now()),
      () => breaker.takeProbe('probe', plus(clock.now(), MINUTE)),
      () => breaker.holdProbe('probe', clock.now()),
      () => breaker.succeeded('probe', clock.now()),
      () => breaker.takeProbe('probe', clock.now()),
      () => breaker.failed('probe', clock.now()),
    ]) {
      await step();
      ofBreaker.push(await itemOf(BREAKER_ID));
    }
    await sweepProgress(db.client, db.tableName).set(clock.now());
    others.set('### The progress of the sweeps', [await itemOf(SWEEP_ID)]);
    await linkUses(db.client, db.tableName).mayConnect('link', 'a', clock.now());
    others.set('### Used connect links', [await itemOf(`${LINK_USE_PREFIX}link`)]);

    const { Table } = await db.base.send(new DescribeTableCommand({ TableName: db.tableName }));
    indexes = (Table?.GlobalSecondaryIndexes ?? []).map(({ IndexName, KeySchema = [] }) => [
      IndexName,
      ...KeySchema.map(({ AttributeName }) => AttributeName),
    ]);
  });

  const typeOf = (items: readonly Item[], name: string) =>
    Object.keys(items.find((item) => name in item)?.[name] ?? {}).join();
  const namesOf = (items: readonly Item[]) =>
    [...new Set(items.flatMap((item) => Object.keys(item)))].sort();

  it('has each attribute of a connection, with its type and whether it is sealed', () => {
    const rows = rowsBelow('## A connection');
    expect(rows.map(({ name }) => name).sort()).toEqual(namesOf(seen));
    for (const { name, type } of rows) {
      const stored = typeOf(seen, name);
      expect(type.split(',')[0], name).toBe(stored);
      expect(type.includes('sealed'), name).toBe(stored === 'B');
    }
  });

  it.each(STATUSES)('says which attributes a connection that is %s has', (status) => {
    const items = seen.filter((item) => item['status']?.S === status);
    const said = rowsBelow('## A connection').map(({ name, more }) => [
      name,
      more[STATUSES.indexOf(status)],
    ]);
    const found = said.map(([name = '']) => {
      const count = items.filter((item) => name in item).length;
      return [name, count === 0 ? '–' : count === items.length ? 'always' : 'maybe'];
    });
    expect(said).toEqual(found);
  });

  it('says which writes set an attribute', () => {
    for (const { name, more } of rowsBelow('## A connection')) {
      expect(more.at(-1)?.split(', ').sort(), name).toEqual([...(writers.get(name) ?? [])].sort());
    }
  });

  it('has each attribute of the other items', () => {
    const [, section = ''] = page.split('\n## Other items\n');
    const headings = section.split('\n## ')[0]?.match(/^### .*/gm);
    expect(headings).toEqual([...others.keys()]);
    for (const [heading, items] of others) {
      const rows = rowsBelow(heading);
      const names = namesOf(items).filter((name) => name !== 'accountId');
      expect(rows.map(({ name }) => name).sort(), heading).toEqual(names);
      for (const { name, type } of rows) expect(type.split(',')[0]).toBe(typeOf(items, name));
    }
    for (const id of [BREAKER_ID, SWEEP_ID, LINK_USE_PREFIX]) expect(page).toContain(`\`${id}\``);
  });

  it('has the indexes and their keys', () => {
    const [, section = ''] = page.split('\n## Indexes\n');
    const rows = [...section.matchAll(/^\| `(\w+)` \| `(\w+)` \| (?:`(\w+)` )?\|/gm)];
    expect(rows.map(([, ...cells]) => cells.filter(Boolean)).sort()).toEqual(indexes.sort());
  });
});
