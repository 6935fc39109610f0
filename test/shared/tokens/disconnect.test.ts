import { beforeEach, describe, expect, it, vi } from 'vitest';
import { GRACE, LEASE, REFUSED_PAUSE, REVOKE } from '../../../shared/tokens/budgets.ts';
import { disconnectProtocol, type Revocation } from '../../../shared/tokens/disconnect.ts';
import { endConnection, isAboutGrantBefore } from '../../../shared/tokens/end-connection.ts';
import { decodeRotation, saveRotation } from '../../../shared/tokens/escrow.ts';
import { seal } from '../../../shared/tokens/sealing.ts';
import { sweepIndex } from '../../../shared/tokens/sweep-index.ts';
import type { TokenHelper } from '../../../shared/tokens/token-helper.ts';
import { answerLost } from '../../support/provider.ts';
import { ACCOUNT, CALL_TIME, MINUTE, tokenSystem } from '../../support/token-system.ts';

const REVOKED: Revocation = { outcome: 'revoked' };
const DOWN: Revocation = { outcome: 'unknown', cause: 'no answer' };
const REJECTED: Revocation = { outcome: 'token_rejected' };
const IN_DOUBT = { code: 'rotation_in_doubt', retryable: true };
const WAITS = { status: 'disconnecting', cause: 'rotation_in_doubt' };

let system: Awaited<ReturnType<typeof tokenSystem>>;
let answers: (Revocation | (() => Promise<Revocation>))[];
/** The access tokens with which a grant was to end. */
let revoked: string[];
beforeEach(async () => {
  system = await tokenSystem();
  [answers, revoked] = [[], []];
});

const protocol = (tokens: Partial<TokenHelper> = {}) =>
  disconnectProtocol({
    table: system.db.table,
    clock: system.clock,
    tokens: { ...system.startProcess(), ...tokens },
    async revoke(accessToken) {
      revoked.push(accessToken);
      const answer = answers.shift() ?? REVOKED;
      return typeof answer === 'function' ? answer() : answer;
    },
  });
const deadline = () => (system.clock.now() + CALL_TIME) as never;
const disconnect = () => protocol().disconnect(ACCOUNT, deadline());
const resume = () => protocol().resume(ACCOUNT, deadline());
const item = async () => (await system.db.table.get(ACCOUNT)) as object as Record<string, unknown>;
async function swept(): Promise<string[]> {
  const found: string[] = [];
  const index = sweepIndex(system.db.client, system.db.tableName);
  for await (const page of index.inSlot('disconnecting')) found.push(...page);
  return found;
}

describe('a disconnect from our side', () => {
  it('ends the grant with a token of it, then deletes the tokens', async () => {
    const { accessToken } = await system.connect();
    expect(await disconnect()).toEqual({ status: 'disconnected' });
    expect(revoked).toEqual([accessToken]);
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
    expect(Object.keys(await item())).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/token|sweepSlot|lease/i)]),
    );
  });

  it('refreshes a token that has expired, to have one to end the grant with', async () => {
    await system.connect();
    system.expireAccessToken();
    expect(await disconnect()).toEqual({ status: 'disconnected' });
    expect(system.server.redemptions).toHaveLength(1);
    expect(revoked).toHaveLength(1);
  });

  it('tries once more with a new token when the one that lasted is rejected', async () => {
    const { accessToken } = await system.connect();
    system.clock.advance(2 * MINUTE);
    answers = [REJECTED];
    expect(await disconnect()).toEqual({ status: 'disconnected' });
    expect(revoked).toHaveLength(2);
    expect(revoked[0]).toBe(accessToken);
    expect(revoked[1]).not.toBe(accessToken);
    expect(system.server.redemptions).toHaveLength(1);
  });

  it('may be repeated: the second has nothing left to do', async () => {
    await system.connect();
    await disconnect();
    const before = await item();
    expect(await disconnect()).toEqual({ status: 'disconnected' });
    expect(await resume()).toBeUndefined();
    expect(await item()).toEqual(before);
    expect(revoked).toHaveLength(1);
  });

  it('ends the grant with a token of it, even in a process that still has one of an earlier grant', async () => {
    await system.connect();
    await system.helper.getAccessToken(ACCOUNT);
    const { accessToken } = await system.connect();
    await protocol(system.helper).disconnect(ACCOUNT, deadline());
    expect(revoked).toEqual([accessToken]);
  });

  it('leaves time to tell Jobber', async () => {
    await system.connect();
    const by = deadline();
    const getAccessToken = vi.fn(system.helper.getAccessToken);
    await protocol({ getAccessToken }).disconnect(ACCOUNT, by);
    expect(getAccessToken).toHaveBeenCalledExactlyOnceWith(
      ACCOUNT,
      expect.objectContaining({ deadline: by - REVOKE }),
    );
  });

  it('is not forgotten if it begins between a refusal and its verdict', async () => {
    await system.connect();
    system.server.revoke();
    system.expireAccessToken();
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject(IN_DOUBT);
    system.clock.advance(GRACE);
    const { lapse: write } = system.db.table;
    system.db.table.lapse = async (...verdict) => {
      const { grantId } = await system.stored();
      await system.db.table.markDisconnecting(ACCOUNT, grantId, system.clock.now());
      return write(...verdict);
    };
    const refused = { code: 'disconnected' };
    await expect(system.helper.getAccessToken(ACCOUNT)).rejects.toMatchObject(refused);
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
    expect(system.server.redemptions).toHaveLength(2);
  });

  it('keeps the access token that can still tell Jobber, if a refresh under way loses its successor', async () => {
    const { accessToken } = await system.connect();
    system.clock.advance(50 * MINUTE);
    answers = [DOWN];
    expect(await disconnect()).toMatchObject({ status: 'disconnecting' });
    system.server.script(answerLost);
    const queued = system.helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 });
    await expect(queued).rejects.toMatchObject({ code: 'rotation_in_doubt', retryable: true });
    expect(await resume()).toEqual({ status: 'disconnected' });
    expect(revoked).toEqual([accessToken, accessToken]);
  });

  it('remembers that a successor was lost: the next refusal ends nothing either', async () => {
    await system.connect();
    system.clock.advance(50 * MINUTE);
    answers = [DOWN];
    await disconnect();
    system.server.script(answerLost);
    const queued = () => system.helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 });
    await expect(queued()).rejects.toMatchObject(IN_DOUBT);
    const { unconfirmedAt } = await system.stored();
    expect(unconfirmedAt).toBe(system.clock.now());
    system.clock.advance(REFUSED_PAUSE);
    await expect(queued()).rejects.toMatchObject(IN_DOUBT);
    expect(system.server.redemptions).toHaveLength(3);
    expect(await system.stored()).toMatchObject({ unconfirmedAt });
    system.clock.advance(GRACE - REFUSED_PAUSE);
    await expect(queued()).rejects.toMatchObject({ code: 'disconnected' });
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
  });

  it('ends by a second refusal if nobody can have redeemed the token: its grant has ended', async () => {
    await system.connect();
    system.clock.advance(50 * MINUTE);
    answers = [DOWN];
    await disconnect();
    system.server.revoke();
    const queued = () => system.helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 });
    await expect(queued()).rejects.toMatchObject(IN_DOUBT);
    expect(await system.status()).toBe('active');
    system.clock.advance(GRACE);
    await expect(queued()).rejects.toMatchObject({ code: 'disconnected' });
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
  });

  it('hides no defect behind a disconnect that waits', async () => {
    await system.connect();
    answers = [() => Promise.reject(new TypeError('a defect'))];
    await expect(disconnect()).rejects.toThrow('a defect');
  });

  it('does not go on for an account that is not there', async () => {
    expect(await resume()).toBeUndefined();
  });

  it('may run twice at once', async () => {
    await system.connect();
    const outcomes = await Promise.all([disconnect(), disconnect()]);
    expect(outcomes).toEqual([{ status: 'disconnected' }, { status: 'disconnected' }]);
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
  });

  it('is an error for an account that never connected, and while the table does not answer', async () => {
    await expect(disconnect()).rejects.toMatchObject({ code: 'not_connected' });
    await system.connect();
    system.db.outage(true);
    await expect(disconnect()).rejects.toMatchObject({ code: 'table_unavailable' });
    expect(revoked).toEqual([]);
  });

  it('deletes the tokens when Jobber refuses the refresh token twice: there is nothing left to end', async () => {
    await system.connect();
    system.expireAccessToken();
    system.server.revoke();
    expect(await disconnect()).toEqual(WAITS);
    expect(await system.stored()).toMatchObject({ refreshToken: expect.anything() });
    system.clock.advance(GRACE - 1);
    expect(await resume()).toEqual(WAITS);
    system.clock.advance(REFUSED_PAUSE);
    expect(await resume()).toEqual({ status: 'disconnected' });
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
    expect(revoked).toEqual([]);
  });

  /** Jobber refuses the live token twice. */
  async function giveUpByMistake(): Promise<void> {
    const { server, helper, clock } = system;
    await system.connect();
    system.expireAccessToken();
    const refuse = () => server.script(() => ({ outcome: 'refused' }));
    refuse();
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toThrow();
    clock.advance(GRACE);
    refuse();
    await expect(helper.getAccessToken(ACCOUNT)).rejects.toMatchObject({ reason: 'revoked' });
  }

  it('tells Jobber of a connection that was given up by mistake', async () => {
    await giveUpByMistake();
    expect(await disconnect()).toEqual({ status: 'disconnected' });
    expect(revoked).toHaveLength(1);
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
  });

  it('does not delete the tokens of a connection that was given up while it cannot be tried once more', async () => {
    const { server, clock, db } = system;
    await giveUpByMistake();
    server.script(() => ({ outcome: 'client_rejected' }));
    await expect(disconnect()).rejects.toMatchObject({ code: 'client_rejected', retryable: true });
    // Jobber takes the token, and the table does not take what it answers.
    server.reuse = 'same-token';
    const { storeUnchanged } = db.table;
    db.table.storeUnchanged = () => Promise.reject(new Error('throttled'));
    await expect(disconnect()).rejects.toMatchObject({ code: 'table_unavailable' });
    db.table.storeUnchanged = storeUnchanged;
    clock.advance(60_000);
    await db.remove(ACCOUNT, ['leaseId', 'leaseExpiresAt']);
    await db.set(ACCOUNT, { leaseId: 'appeal', leaseExpiresAt: clock.now() + 1_000 });
    await expect(disconnect()).rejects.toMatchObject({ code: 'refresh_in_progress' });
    expect(await system.status()).toBe('reconnect_required/revoked');
    clock.advance(2_000);
    expect(await disconnect()).toEqual({ status: 'disconnected' });
    expect(revoked).toHaveLength(1);
  });

  it('deletes the tokens when the connection has lapsed: there is nothing left to end', async () => {
    await system.connect();
    system.expireAccessToken();
    await lapse();
    expect(await disconnect()).toEqual({ status: 'disconnected' });
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
    expect(revoked).toEqual([]);
  });

  it('keeps the tokens while no sealing key opens them: with the key, they can end the grant', async () => {
    await system.connect();
    const another = { id: 'another'.repeat(6), secret: Buffer.from('x') };
    const [key] = system.keys.versions.splice(0, 1, another);
    expect(await disconnect()).toEqual({ status: 'disconnecting', cause: 'unreadable' });
    expect(revoked).toEqual([]);
    if (key) system.keys.versions.unshift(key);
    expect(await resume()).toEqual({ status: 'disconnected' });
    expect(revoked).toHaveLength(1);
  });

  it('is an error when the connection is deleted while a token that was given up is tried once more', async () => {
    await system.connect();
    system.expireAccessToken();
    await lapse();
    const appeal = () => system.db.delete(ACCOUNT);
    const disconnecting = protocol({ appeal }).disconnect(ACCOUNT, deadline());
    await expect(disconnecting).rejects.toMatchObject({ code: 'not_connected' });
    expect(await item()).toBeUndefined();
    expect(revoked).toEqual([]);
  });

  it('is our own doing, too, when the connection is given up while Jobber is told', async () => {
    await system.connect();
    const verdict = { status: 'reconnect_required', statusReason: 'revoked' };
    answers = [() => system.db.set(ACCOUNT, verdict).then(() => REVOKED)];
    expect(await disconnect()).toEqual({ status: 'disconnected' });
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
  });

  it('tells Jobber of a lapsed connection that a late STORE revives meanwhile', async () => {
    await system.connect();
    const lost = { status: 'reconnect_required', statusReason: 'rotation_lost' };
    await system.db.set(ACCOUNT, { ...lost, statusChangedAt: 1 });
    const { end } = system.db.table;
    system.db.table.end = async (...args) => {
      await system.db.set(ACCOUNT, { status: 'active' });
      system.db.table.end = end;
      return end(...args);
    };
    expect(await disconnect()).toEqual({ status: 'disconnected' });
    expect(revoked).toHaveLength(1);
  });

  async function lapse() {
    system.server.revoke();
    await system.helper.getAccessToken(ACCOUNT).catch(() => undefined);
    system.clock.advance(GRACE);
    await system.helper.getAccessToken(ACCOUNT).catch(() => undefined);
    expect(await system.status()).toBe('reconnect_required/revoked');
  }
});

describe('while Jobber does not answer', () => {
  beforeEach(async () => {
    await system.connect();
    answers = [DOWN];
    expect(await disconnect()).toEqual({ status: 'disconnecting', cause: 'no answer' });
  });

  it('the tokens are kept, and nothing about the connection grows', async () => {
    expect(await system.storedTokenIsLive()).toBe(true);
    expect(await system.stored()).toMatchObject({
      status: 'active',
      sweepSlot: 'disconnecting',
    });
  });

  it('no caller is given a token any more', async () => {
    const refused = { code: 'disconnected', retryable: false };
    await expect(system.startProcess().getAccessToken(ACCOUNT)).rejects.toMatchObject(refused);
    system.expireAccessToken();
    await expect(system.startProcess().getAccessToken(ACCOUNT)).rejects.toMatchObject(refused);
    expect(system.server.redemptions).toEqual([]);
  });

  it('every sweep finds it, and it is disconnected as soon as Jobber answers', async () => {
    answers = [DOWN, DOWN];
    for (let sweep = 0; sweep < 2; sweep++) {
      expect(await swept()).toEqual([ACCOUNT]);
      expect(await resume()).toMatchObject({ status: 'disconnecting' });
    }
    expect(await resume()).toEqual({ status: 'disconnected' });
    expect(await swept()).toEqual([]);
  });

  it('it goes on when the token expires meanwhile: the rotation is stored, and it stays marked', async () => {
    system.expireAccessToken();
    answers = [DOWN];
    expect(await resume()).toMatchObject({ status: 'disconnecting' });
    expect(await system.stored()).toMatchObject({ rotation: 1, sweepSlot: 'disconnecting' });
    expect(await resume()).toEqual({ status: 'disconnected' });
  });

  it('a sweep that queued it before the mark refreshes it, and it stays marked', async () => {
    system.expireAccessToken();
    await system.helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 });
    expect(await system.stored()).toMatchObject({ rotation: 1, sweepSlot: 'disconnecting' });
  });

  it.each([
    ['a sweep', () => system.helper.refreshIfDue(ACCOUNT, { minValiditySeconds: 900 })],
    ['the disconnect itself', () => resume()],
  ])('a refusal that %s meets is no reason to forget it', async (_, refreshes) => {
    system.server.revoke();
    system.expireAccessToken();
    await Promise.resolve(refreshes()).catch((error) => {
      expect(error).toMatchObject(IN_DOUBT);
    });
    expect(await system.status()).toBe('active');
    expect(await swept()).toEqual([ACCOUNT]);
    system.clock.advance(GRACE);
    await Promise.resolve(refreshes()).catch((error) => {
      expect(error).toMatchObject({ code: 'disconnected' });
    });
    expect(system.server.redemptions).toHaveLength(2);
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
    expect(await swept()).toEqual([]);
  });

  describe('and the successor of its token is in escrow', () => {
    const leaveEscrow = () =>
      saveRotation(system.db.table, decodeRotation(system.escrowed[0] ?? ''));
    beforeEach(async () => {
      system.expireAccessToken();
      system.server.script((carryOut) => {
        system.db.outage(true);
        return carryOut();
      });
      expect(await resume()).toEqual({ status: 'disconnecting', cause: 'table_unavailable' });
      expect(system.escrowed).toHaveLength(1);
      system.db.outage(false);
      system.clock.advance(LEASE + 1);
      expect(await resume()).toEqual({ status: 'disconnecting', cause: 'rotation_in_doubt' });
    });

    it('it ends the grant as soon as it is stored', async () => {
      expect(await leaveEscrow()).toBe('stored');
      expect(await resume()).toEqual({ status: 'disconnected' });
      expect(revoked).toHaveLength(2);
    });

    it('it brings nothing back if it comes after the verdict', async () => {
      system.clock.advance(GRACE);
      expect(await resume()).toEqual({ status: 'disconnected' });
      expect(await leaveEscrow()).toBe('superseded');
      expect(await system.status()).toBe('disconnected/disconnected_by_app');
    });
  });

  it('a refusal ends nothing once another holds the lease', async () => {
    system.server.revoke();
    system.expireAccessToken();
    expect(await resume()).toEqual(WAITS);
    system.clock.advance(GRACE);
    const { endRefused } = system.db.table;
    let verdicts = 0;
    system.db.table.endRefused = async (...verdict) => {
      verdicts++;
      await system.db.set(ACCOUNT, { leaseId: 'theirs' });
      return endRefused(...verdict);
    };
    expect(await resume()).toEqual(WAITS);
    expect(verdicts).toBe(1);
    expect(await system.stored()).toMatchObject({ sweepSlot: 'disconnecting' });
  });

  it('a new grant clears the mark, and is left alone', async () => {
    await system.connect();
    expect(await resume()).toBeUndefined();
    expect(await system.status()).toBe('active');
    expect(revoked).toHaveLength(1);
    await system.startProcess().getAccessToken(ACCOUNT);
    expect(await swept()).toEqual([]);
  });

  it('a webhook about it ends it, as our own doing', async () => {
    const isAbout = isAboutGrantBefore(system.clock.now());
    const store = { table: system.db.table, clock: system.clock };
    await endConnection(store, ACCOUNT, { isAbout, reason: 'disconnected_in_jobber' });
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
    expect(await resume()).toBeUndefined();
  });

  it('an outage of the token endpoint, too, is waited for', async () => {
    system.expireAccessToken();
    system.server.prepareFails = true;
    expect(await resume()).toEqual({ status: 'disconnecting', cause: 'secrets_unavailable' });
    system.server.prepareFails = false;
    expect(await resume()).toEqual({ status: 'disconnected' });
  });
});

describe('a reconnect during a disconnect', () => {
  it('before the token is read: the new grant is not ended with its own token', async () => {
    await system.connect();
    const first = protocol();
    const { markDisconnecting } = system.db.table;
    system.db.table.markDisconnecting = async (...mark) => {
      const marked = await markDisconnecting(...mark);
      await system.connect();
      return marked;
    };
    expect(await first.disconnect(ACCOUNT, deadline())).toEqual({ status: 'reconnected' });
    expect(revoked).toEqual([]);
    expect(await system.status()).toBe('active');
  });

  it('while Jobber is told: the new grant stays', async () => {
    const { accessToken } = await system.connect();
    answers = [
      async () => {
        await system.connect();
        return REVOKED;
      },
    ];
    expect(await disconnect()).toEqual({ status: 'reconnected' });
    expect(revoked).toEqual([accessToken]);
    expect(await system.status()).toBe('active');
  });

  it('while its expired token is refreshed: the new grant is not ended with its own token', async () => {
    await system.connect();
    system.expireAccessToken();
    system.server.script(async (carryOut) => {
      const answer = carryOut();
      await system.connect();
      return answer;
    });
    expect(await disconnect()).toEqual({ status: 'reconnected' });
    expect(revoked).toEqual([]);
    expect(await system.status()).toBe('active');
  });
});

describe('a disconnect whose last write fails', () => {
  it('is done by the next sweep, though the grant has ended already', async () => {
    await system.connect();
    answers = [
      async () => {
        system.server.revoke();
        system.db.outage(true);
        return REVOKED;
      },
    ];
    expect(await disconnect()).toEqual({ status: 'disconnecting', cause: 'table_unavailable' });
    system.db.outage(false);
    system.clock.advance(5 * MINUTE);
    answers = [REJECTED, REJECTED];
    expect(await swept()).toHaveLength(1);
    expect(await resume()).toEqual(WAITS);
    system.clock.advance(GRACE);
    expect(await swept()).toHaveLength(1);
    expect(await resume()).toEqual({ status: 'disconnected' });
  });
});

describe('a refresh in flight', () => {
  it('finds nothing that it could bring back, however late it stores', async () => {
    await system.connect();
    const { refreshToken } = await system.stored();
    await disconnect();
    const pair = system.server.authorize();
    const key = await system.keys.current();
    const stored = await system.db.table.store(ACCOUNT, refreshToken, {
      accessToken: seal(key, pair.accessToken, ACCOUNT, 'accessToken'),
      refreshToken: seal(key, pair.refreshToken, ACCOUNT, 'refreshToken'),
      accessTokenExpiresAt: pair.expiresAt,
      refreshedAt: system.nowSeconds(),
    });
    expect(stored).toMatchObject({ stored: false });
    expect(await system.status()).toBe('disconnected/disconnected_by_app');
  });
});

describe('a disconnect in Jobber', () => {
  const end = (occurredAt = system.clock.now()) =>
    endConnection({ table: system.db.table, clock: system.clock }, ACCOUNT, {
      isAbout: isAboutGrantBefore(occurredAt),
      reason: 'disconnected_in_jobber',
    });

  it('deletes the tokens of the grant that it is about, once', async () => {
    await system.connect();
    expect(await end()).toBe('disconnected');
    expect(await system.status()).toBe('disconnected/disconnected_in_jobber');
    const before = await item();
    system.clock.advance(MINUTE);
    expect(await end()).toBe('disconnected');
    expect(await item()).toEqual(before);
  });

  it('leaves a grant alone that came after it', async () => {
    await system.connect();
    expect(await end((system.clock.now() - 1) as never)).toBe('newer_grant');
    expect(await system.status()).toBe('active');
  });

  it('finds nobody', async () => {
    expect(await end()).toBe('not_connected');
  });

  it('is judged anew if the connection changes meanwhile', async () => {
    await system.connect();
    const { end: write } = system.db.table;
    system.db.table.end = async (...args) => {
      system.db.table.end = write;
      await system.db.set(ACCOUNT, { status: 'reconnect_required', statusReason: 'revoked' });
      return write(...args);
    };
    expect(await end()).toBe('disconnected');
    expect(await system.status()).toBe('disconnected/disconnected_in_jobber');
  });
});
