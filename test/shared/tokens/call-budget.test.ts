import { beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNT, tokenSystem } from '../../support/token-system.ts';

describe('the call budget', () => {
  let system: Awaited<ReturnType<typeof tokenSystem>>;
  beforeEach(async () => {
    system = await tokenSystem();
    await system.connect();
  });

  it('hands out a stored token with one GetItem, and the cached one with no call at all', async () => {
    const { db, helper } = system;
    const first = await helper.getAccessToken(ACCOUNT);
    expect(db.calls).toEqual(['GetItem']);
    expect(await helper.getAccessToken(ACCOUNT)).toEqual(first);
    expect(db.calls).toHaveLength(1);
  });

  it('refreshes with one GetItem, two UpdateItem and one POST', async () => {
    const { db, helper, server } = system;
    system.expireAccessToken();
    await helper.getAccessToken(ACCOUNT);
    expect(db.calls).toEqual(['GetItem', 'UpdateItem', 'UpdateItem']);
    expect(server.redemptions).toHaveLength(1);
  });

  it('refreshes from a sweep with two UpdateItem and one POST', async () => {
    const { db, helper, server } = system;
    system.expireAccessToken();
    await helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 });
    expect(db.calls).toEqual(['UpdateItem', 'UpdateItem']);
    expect(server.redemptions).toHaveLength(1);
  });

  it('serves 200 callers at once in one process with the calls of one', async () => {
    const { db, helper, server } = system;
    system.expireAccessToken();
    const tokens = await Promise.all(
      Array.from({ length: 200 }, () => helper.getAccessToken(ACCOUNT)),
    );
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(db.calls).toEqual(['GetItem', 'UpdateItem', 'UpdateItem']);
    expect(server.redemptions).toHaveLength(1);
  });

  it('reads once for 200 callers who find the stored token valid', async () => {
    const { db, helper } = system;
    await Promise.all(Array.from({ length: 200 }, () => helper.getAccessToken(ACCOUNT)));
    expect(db.calls).toEqual(['GetItem']);
  });
});
