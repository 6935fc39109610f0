import { describe, expect, test } from 'vitest';
import {
  ACCOUNT,
  ACCOUNT_ANSWER,
  graphql,
  INVALID_REFRESH_TOKEN,
  refresh,
  refreshed,
  seen,
  simulate,
  UNRECOGNIZED,
} from './support.ts';

describe('rotation on', () => {
  test('a redeemed refresh token is dead at once, its successor is not', async () => {
    const { jobber } = await simulate();
    const { refreshToken } = jobber.issueGrant(ACCOUNT);

    const { refresh_token: successor, warning } = await refreshed(jobber, refreshToken);

    expect(warning).toBeUndefined();
    expect(await seen(await refresh(jobber, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
    expect(jobber.auditAccount(ACCOUNT)).toMatchObject({
      redemptions: 1,
      doubleRedemptions: 1,
      refusals: 1,
      liveRefreshTokens: [successor],
    });
    expect((await refresh(jobber, successor)).status).toBe(200);
  });

  test('of many redemptions at the same time, one succeeds', async () => {
    const { jobber } = await simulate();
    const { refreshToken } = jobber.issueGrant(ACCOUNT);

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => refresh(jobber, refreshToken)),
    );

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(jobber.auditAccount(ACCOUNT)).toMatchObject({ redemptions: 1, doubleRedemptions: 19 });
  });

  test('the access token of before the refresh lives on until it expires', async () => {
    const { jobber, clock } = await simulate();
    const { accessToken, refreshToken } = jobber.issueGrant(ACCOUNT);
    await refreshed(jobber, refreshToken);

    expect(jobber.isAccessTokenLive(accessToken)).toBe(true);
    clock.now += 3600_000;
    expect(jobber.isAccessTokenLive(accessToken)).toBe(false);
  });
});

describe('rotation off', () => {
  test('the same refresh token comes back with a warning, and nothing counts as double', async () => {
    const { jobber } = await simulate({ rotation: 'off' });
    const { refreshToken } = jobber.issueGrant(ACCOUNT);

    const answers = [await refreshed(jobber, refreshToken), await refreshed(jobber, refreshToken)];

    for (const answer of answers) {
      expect(answer.refresh_token).toBe(refreshToken);
      expect(answer.warning).toMatch(/^Refresh token rotation is off\./);
    }
    expect(answers[0]?.access_token).not.toBe(answers[1]?.access_token);
    expect(jobber.auditAccount(ACCOUNT)).toMatchObject({
      redemptions: 2,
      doubleRedemptions: 0,
      liveRefreshTokens: [refreshToken],
    });
  });
});

describe('rotation legacy', () => {
  test('an old refresh token still works, with a warning', async () => {
    const { jobber } = await simulate({ rotation: 'legacy' });
    const { refreshToken } = jobber.issueGrant(ACCOUNT);

    const first = await refreshed(jobber, refreshToken);
    const second = await refreshed(jobber, refreshToken);

    expect(first.warning).toBeUndefined();
    expect(second.warning).toMatch(/^Unexpected Refresh Token Redemption: /);
    expect(jobber.auditAccount(ACCOUNT)).toMatchObject({
      redemptions: 2,
      doubleRedemptions: 1,
      refusals: 0,
      liveRefreshTokens: [second.refresh_token, first.refresh_token, refreshToken],
    });
  });
});

describe('reuse policy', () => {
  test('grace: a used token answers with a further pair for a while, the earlier successor lives on', async () => {
    const { jobber, clock } = await simulate({ reusePolicy: 'grace' });
    const { refreshToken } = jobber.issueGrant(ACCOUNT);
    const first = await refreshed(jobber, refreshToken);

    clock.now += 59_999;
    const second = await refreshed(jobber, refreshToken);
    clock.now += 1;

    expect(await seen(await refresh(jobber, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
    expect(jobber.auditAccount(ACCOUNT)).toMatchObject({
      doubleRedemptions: 2,
      liveRefreshTokens: [second.refresh_token, first.refresh_token],
    });
    expect((await refresh(jobber, first.refresh_token)).status).toBe(200);
    expect((await refresh(jobber, second.refresh_token)).status).toBe(200);
  });

  test('revoke: a used token ends the whole grant, but no other', async () => {
    const { jobber } = await simulate({ reusePolicy: 'revoke' });
    const other = jobber.issueGrant(ACCOUNT);
    const { refreshToken } = jobber.issueGrant(ACCOUNT);
    const successor = await refreshed(jobber, refreshToken);

    expect(await seen(await refresh(jobber, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);

    expect(await seen(await refresh(jobber, successor.refresh_token))).toEqual(
      INVALID_REFRESH_TOKEN,
    );
    expect(await seen(await graphql(jobber, successor.access_token))).toEqual(UNRECOGNIZED);
    expect(jobber.auditAccount(ACCOUNT)).toMatchObject({
      liveRefreshTokens: [other.refreshToken],
      grants: [{ status: 'active' }, { status: 'revoked' }],
    });
  });
});

describe('authorizing again', () => {
  test('earlier grants of the account keep working', async () => {
    const { jobber } = await simulate();
    const earlier = jobber.issueGrant(ACCOUNT);
    const later = jobber.issueGrant(ACCOUNT);

    expect(jobber.auditAccount(ACCOUNT).liveRefreshTokens).toEqual([
      later.refreshToken,
      earlier.refreshToken,
    ]);
    expect((await refresh(jobber, earlier.refreshToken)).status).toBe(200);
  });

  test('earlier grants end if the settings say so', async () => {
    const { jobber } = await simulate({ reauthorizationRevokes: true });
    const earlier = jobber.issueGrant(ACCOUNT);
    const later = jobber.issueGrant(ACCOUNT);

    expect(await seen(await refresh(jobber, earlier.refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
    expect(jobber.isAccessTokenLive(earlier.accessToken)).toBe(false);
    expect((await refresh(jobber, later.refreshToken)).status).toBe(200);
  });

  test('an inactive account is active again, its old tokens are not', async () => {
    const { jobber } = await simulate();
    const earlier = jobber.issueGrant(ACCOUNT);
    jobber.deactivate(ACCOUNT);
    const later = jobber.issueGrant(ACCOUNT);

    expect(await seen(await refresh(jobber, earlier.refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
    const { body } = await seen(await graphql(jobber, later.accessToken));
    expect(body.data).toEqual(ACCOUNT_ANSWER);
  });
});
