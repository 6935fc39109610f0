import { describe, expect, it } from 'vitest';
import { type Connection, type Cursor, pages } from '../../../shared/client/pages.ts';
import { accountId, clientSystem } from '../../support/client-system.ts';

type System = Awaited<ReturnType<typeof clientSystem>>;
interface Clients extends Connection {
  readonly nodes: readonly { readonly id: string }[];
}

/** Costs 2,103 points for a page of 100. */
const QUERY = `query Clients($first: Int, $after: String) {
  clients(first: $first, after: $after) {
    nodes { id tags(first: 20) { nodes { label } } }
    pageInfo { hasNextPage endCursor }
  }
}`;

const walk = (system: System, variables: Cursor & { first?: number }, query = QUERY) =>
  pages(system.client, accountId, query, variables, ({ clients }: { clients: Clients }) => clients);

async function idsOf(walking: AsyncIterable<Clients>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { nodes } of walking) ids.push(...nodes.map(({ id }) => id));
  return ids;
}

describe('paginate', () => {
  it('hands out every node once, page by page', async () => {
    const system = await clientSystem({ clientsPerAccount: 45 });
    const ids = await idsOf(walk(system, { first: 20 }));
    expect(ids).toHaveLength(45);
    expect(new Set(ids).size).toBe(45);
    expect(system.graphqlRequests()).toHaveLength(3);
  });

  it('asks for no page before it is wanted, and for none when nobody goes on', async () => {
    const system = await clientSystem();
    const walking = walk(system, { first: 20 });
    expect(system.graphqlRequests()).toHaveLength(0);
    for await (const _ of walking) break;
    expect(system.graphqlRequests()).toHaveLength(1);
  });

  it('starts behind a cursor of an earlier run', async () => {
    const system = await clientSystem({ clientsPerAccount: 45 });
    const all = await idsOf(walk(system, { first: 20 }));
    for await (const { pageInfo } of walk(system, { first: 20 })) {
      const rest = await idsOf(walk(system, { first: 20, after: pageInfo.endCursor }));
      expect(rest).toEqual(all.slice(20));
      break;
    }
  });

  it('an account without clients is one empty page', async () => {
    const system = await clientSystem({ clientsPerAccount: 0 });
    expect(await idsOf(walk(system, { first: 20 }))).toEqual([]);
  });

  it('waits for points before it asks, so that Jobber never has to throttle it', async () => {
    const system = await clientSystem();
    const started = system.clock.now();
    expect(await idsOf(walk(system, { first: 100 }))).toHaveLength(1_000);
    expect(system.graphqlRequests()).toHaveLength(10);
    // Ten pages cost 21,030 points, and the account starts with 10,000.
    expect(system.clock.now() - started).toBeGreaterThanOrEqual(22_000);
    expect(system.clock.now() - started).toBeLessThan(23_000);
  });

  it('waits its turn where others spend the points too', async () => {
    const system = await clientSystem();
    const dear = 'query { clients(first: 99) { nodes { tags(first: 99) { nodes { id } } } } }';
    const ids: string[] = [];
    for await (const { nodes } of walk(system, { first: 100 })) {
      ids.push(...nodes.map(({ id }) => id));
      if (ids.length === 300) await system.startContainer().execute(accountId, dear, {});
    }
    expect(new Set(ids).size).toBe(1_000);
    expect(system.graphqlRequests().length).toBeGreaterThan(11);
  });

  it.each([
    ['no pageInfo', '{ clients { nodes { id } } }'],
    ['no cursor', '{ clients { nodes { id } pageInfo { hasNextPage } } }'],
  ])('says what is missing in a query: %s', async (_, query) => {
    const system = await clientSystem();
    await expect(idsOf(walk(system, {}, query))).rejects.toMatchObject({
      code: 'not_pageable',
      message: expect.stringContaining('pageInfo { hasNextPage endCursor }'),
    });
  });

  it('does not walk in circles', async () => {
    const system = await clientSystem();
    const query = '{ clients { nodes { id } pageInfo { hasNextPage endCursor } } }';
    await expect(idsOf(walk(system, {}, query))).rejects.toMatchObject({
      code: 'not_pageable',
      message: expect.stringContaining('$after'),
    });
    expect(system.graphqlRequests()).toHaveLength(2);
  });

  it('does not wait for points that came back while the pages were worked on', async () => {
    const system = await clientSystem();
    const dear = 'query { clients(first: 100) { nodes { tags(first: 76) { nodes { id } } } } }';
    await system.client.execute(accountId, dear, {});
    for await (const _ of walk(system, { first: 100 })) system.clock.advance(5_000);
    expect(system.clock.slept).toEqual([]);
  });

  it('ends its waiting with the signal', async () => {
    const system = await clientSystem();
    const stop = new AbortController();
    const select = ({ clients }: { clients: Clients }) => clients;
    const options = { signal: stop.signal };
    const variables = { first: 100 };
    system.clock.sleep = () => {
      stop.abort(new Error('the time is up'));
      return new Promise(() => {});
    };
    const walking = pages(system.client, accountId, QUERY, variables, select, options);
    await expect(idsOf(walking)).rejects.toThrow('the time is up');
  });
});
