import { beforeEach, describe, expect, it } from 'vitest';
import { REJECTED_TOKEN_AGE } from '../../../shared/tokens/budgets.ts';
import { holdUp } from '../../support/provider.ts';
import { ACCOUNT, MINUTE, tokenSystem } from '../../support/token-system.ts';
import { until } from '../../support/until.ts';

describe('an access token that the API rejected', () => {
  let system: Awaited<ReturnType<typeof tokenSystem>>;
  let rejectedToken: string;
  beforeEach(async () => {
    system = await tokenSystem();
    await system.connect();
    rejectedToken = (await system.helper.getAccessToken(ACCOUNT)).accessToken;
    system.clock.advance(5 * MINUTE);
    system.db.calls.length = 0;
  });

  it('is refreshed although it has not expired', async () => {
    const token = await system.helper.getAccessToken(ACCOUNT, { rejectedToken });
    expect(token.accessToken).not.toBe(rejectedToken);
    expect(system.db.calls).toEqual(['GetItem', 'UpdateItem', 'UpdateItem']);
    expect(system.server.redemptions).toHaveLength(1);
  });

  it('is answered with the stored token, without a redemption, when it is an old one', async () => {
    const { helper, startProcess, server } = system;
    const current = await startProcess().getAccessToken(ACCOUNT, { rejectedToken });
    server.redemptions.length = 0;
    expect(await helper.getAccessToken(ACCOUNT, { rejectedToken })).toEqual(current);
    expect(server.redemptions).toEqual([]);
  });

  it('is refreshed once for many callers in several processes', async () => {
    const { startProcess, server } = system;
    const processes = [startProcess(), startProcess(), startProcess()];
    const tokens = await Promise.all(
      processes.flatMap((helper) =>
        Array.from({ length: 10 }, () => helper.getAccessToken(ACCOUNT, { rejectedToken })),
      ),
    );
    expect(server.redemptions).toHaveLength(1);
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
  });

  it('is not refreshed again within a minute: a missing scope answers 401 as well', async () => {
    const { helper, server, clock } = system;
    const second = await helper.getAccessToken(ACCOUNT, { rejectedToken });
    clock.advance(REJECTED_TOKEN_AGE - 1_000);
    await expect(
      helper.getAccessToken(ACCOUNT, { rejectedToken: second.accessToken }),
    ).rejects.toMatchObject({ code: 'access_token_rejected', retryable: false });
    expect(server.redemptions).toHaveLength(1);
    clock.advance(1_000);
    await helper.getAccessToken(ACCOUNT, { rejectedToken: second.accessToken });
    expect(server.redemptions).toHaveLength(2);
  });

  it('is not handed out from memory to the next caller', async () => {
    const { helper, server } = system;
    server.revoke();
    await expect(helper.getAccessToken(ACCOUNT, { rejectedToken })).rejects.toMatchObject({
      code: 'rotation_in_doubt',
    });
    server.redemptions.length = 0;
    const { calls } = system.db;
    calls.length = 0;
    await helper.getAccessToken(ACCOUNT);
    expect(calls).toEqual(['GetItem']);
  });

  it('is refreshed although a clock that was wrong dated it in the future', async () => {
    const { helper, db, nowSeconds } = system;
    await db.set(ACCOUNT, { refreshedAt: nowSeconds() + 2 * 60 * 60 });
    expect((await helper.getAccessToken(ACCOUNT, { rejectedToken })).accessToken).not.toBe(
      rejectedToken,
    );
  });

  it('is never handed out again by a refresh in flight that had issued it', async () => {
    const { startProcess, server, db, clock } = system;
    system.expireAccessToken();
    const stored = Promise.withResolvers<void>();
    const replying = Promise.withResolvers<void>();
    let reads = 0;
    const slow = startProcess({
      ...db.table,
      async get(...args) {
        const found = await db.table.get(...args);
        reads++;
        return found;
      },
      async store(...args) {
        const result = await db.table.store(...args);
        stored.resolve();
        await replying.promise;
        return result;
      },
    });
    const first = slow.getAccessToken(ACCOUNT);
    await stored.promise;
    const issued = await startProcess().getAccessToken(ACCOUNT);
    clock.advance(5 * MINUTE);
    const forced = slow.getAccessToken(ACCOUNT, { rejectedToken: issued.accessToken });
    await until(() => reads === 2);
    // By then it has joined.
    await new Promise(setImmediate);
    replying.resolve();
    expect((await first).accessToken).toBe(issued.accessToken);
    expect((await forced).accessToken).not.toBe(issued.accessToken);
    expect(server.redemptions).toHaveLength(2);
  });

  it('is not handed out while another process refreshes it', async () => {
    const { startProcess, server } = system;
    const goOn = holdUp(server, 'request');
    const first = startProcess().getAccessToken(ACCOUNT, { rejectedToken });
    await until(() => server.redemptions.length === 1);
    const second = startProcess().getAccessToken(ACCOUNT, { rejectedToken });
    await until(() => system.clock.slept.length > 0);
    goOn();
    expect(await second).toEqual(await first);
    expect((await second).accessToken).not.toBe(rejectedToken);
  });
});
