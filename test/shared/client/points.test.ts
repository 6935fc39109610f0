import { describe, expect, it, vi } from 'vitest';
import { pages } from '../../../shared/client/pages.ts';
import { accountId, clientSystem } from '../../support/client-system.ts';

type System = Awaited<ReturnType<typeof clientSystem>>;
type Client = System['client'];

/** Costs 2,000 of an account's 10,000 points, of which 500 come back each second. */
const SYNC = 'query { clients(first: 100) { nodes { tags(first: 20) { nodes { id } } } } }';
const SYNC_COST = 2_000;
const ACCOUNT = 'query { account { name } }';

/** Asks, and returns how many points Jobber says are left. */
async function pointsAfter(client: Client, query: string, leavePoints?: number) {
  const { cost } = await client.execute(accountId, query, {}, { leavePoints });
  return cost?.currentlyAvailable ?? 0;
}

describe('leavePoints', () => {
  it('leaves that many of the account’s points to others, query after query', async () => {
    const { client, clock } = await clientSystem();
    const left: number[] = [];
    for (let run = 0; run < 8; run++) left.push(await pointsAfter(client, SYNC, 5_000));
    expect(left).toEqual([8_000, 6_000, ...Array(6).fill(5_000)]);
    // From the third query on each waits until its cost has come back.
    expect(clock.slept).toEqual([2_000, ...Array(5).fill(4_000)]);
  });

  it('leaves them when many queries start at once', async () => {
    const { client, clock, graphqlRequests } = await clientSystem();
    await pointsAfter(client, SYNC, 5_000);
    const { sleep } = clock;
    let unanswered = 3;
    let waiting = 0;
    // A wait moves the clock at once: on a slow machine half a minute would be over before Jobber answers the first.
    clock.sleep = async (ms) => {
      waiting++;
      await vi.waitUntil(() => waiting === unanswered, { timeout: 60_000, interval: 5 });
      await sleep(ms);
      waiting--;
    };
    const ask = () => pointsAfter(client, SYNC, 5_000).finally(() => unanswered--);
    const left = await Promise.all([ask(), ask(), ask()]);
    expect(Math.min(...left)).toBeGreaterThanOrEqual(5_000);
    expect(graphqlRequests()).toHaveLength(4);
  });

  it('is not needed by interactive work, which takes what was left without waiting', async () => {
    const { client, clock } = await clientSystem();
    for (let run = 0; run < 3; run++) await pointsAfter(client, SYNC, 5_000);
    clock.slept.length = 0;
    expect(await pointsAfter(client, SYNC)).toBe(3_000);
    expect(await pointsAfter(client, ACCOUNT)).toBeLessThan(3_000);
    expect(clock.slept).toEqual([]);
    await pointsAfter(client, SYNC, 5_000);
    expect(clock.slept).toHaveLength(1);
    expect(clock.slept[0]).toBeGreaterThanOrEqual(8_000);
  });

  it('heeds what other containers spent, as soon as an answer says so', async () => {
    const { client, clock, startContainer } = await clientSystem();
    await pointsAfter(client, SYNC, 5_000);
    const other = startContainer();
    for (let run = 0; run < 3; run++) await pointsAfter(other, SYNC);
    await pointsAfter(client, ACCOUNT, 1_000);
    expect(clock.slept).toEqual([]);
    expect(await pointsAfter(client, SYNC, 5_000)).toBe(5_000);
  });

  it('keeps accounts apart', async () => {
    const { client, clock, jobber, connect } = await clientSystem();
    await connect();
    for (let run = 0; run < 2; run++) await pointsAfter(client, SYNC);
    const { accessToken } = jobber.issueGrant(518027);
    client.tokens.get = async (account) => ({ accountId: account, accessToken, expiresAt: 9e9 });
    await client.execute('another account', SYNC, {}, { leavePoints: 7_000 });
    expect(clock.slept).toEqual([]);
  });

  it('waits at most until the account has all its points', async () => {
    const { client, clock } = await clientSystem();
    await pointsAfter(client, SYNC);
    expect(await pointsAfter(client, SYNC, 20_000)).toBe(8_000);
    expect(clock.slept).toEqual([4_000]);
  });

  it('gives up where the points do not come back within 30 s', async () => {
    const { client, clock, jobber, graphqlRequests } = await clientSystem();
    await pointsAfter(client, SYNC);
    const started = clock.now();
    const throttled = { kind: 'throttled', requested: SYNC_COST, available: 0 } as const;
    jobber.faults.push({ ...throttled, times: null });
    await expect(pointsAfter(client, SYNC, 9_000)).rejects.toMatchObject({
      code: 'throttled',
      retryable: true,
    });
    expect(clock.now() - started).toBeLessThan(30_000);
    expect(graphqlRequests().length).toBeLessThan(4);
  });

  it('ends its waiting with the signal', async () => {
    const system = await clientSystem();
    const stop = new AbortController();
    await pointsAfter(system.client, SYNC);
    system.clock.sleep = () => {
      stop.abort(new Error('the time is up'));
      return new Promise(() => {});
    };
    const options = { leavePoints: 9_000, signal: stop.signal };
    await expect(system.client.execute(accountId, SYNC, {}, options)).rejects.toThrow(
      'the time is up',
    );
  });

  it('holds for each page of paginate', async () => {
    const { client } = await clientSystem();
    const query = `query Pages($after: String) {
      clients(first: 100, after: $after) {
        nodes { tags(first: 20) { nodes { id } } }
        pageInfo { hasNextPage endCursor }
      }
    }`;
    interface Result {
      clients: { pageInfo: { hasNextPage: boolean; endCursor: string | null } };
    }
    const left: number[] = [];
    const watched = {
      ...client,
      async execute(...request: Parameters<Client['execute']>) {
        const executed = await client.execute(...request);
        left.push(executed.cost?.currentlyAvailable ?? 0);
        return executed;
      },
    } as Client;
    const select = ({ clients }: Result) => clients;
    const walk = pages(watched, accountId, query, {}, select, { leavePoints: 4_000 });
    for await (const _ of walk);
    expect(left).toHaveLength(10);
    expect(Math.min(...left)).toBeGreaterThanOrEqual(4_000);
  });
});
