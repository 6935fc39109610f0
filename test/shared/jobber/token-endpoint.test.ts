import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../../local/jobber/faults.ts';
import { type JobberSimulator, startJobberSimulator } from '../../../local/jobber/simulator.ts';
import { close, listen } from '../../../local/listen.ts';
import {
  type AppCredentials,
  type JobberTokenEndpoint,
  jobberTokenEndpoint,
} from '../../../shared/jobber/token-endpoint.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { REDEEM } from '../../../shared/tokens/budgets.ts';

const ACCOUNT = 430114;
const TIMEOUT_MS = 300;

let simulator: JobberSimulator;
let app: AppCredentials;
let reloads: number;
let endpoint: JobberTokenEndpoint;
let refreshToken: string;

beforeAll(async () => {
  simulator = await startJobberSimulator();
});
afterAll(() => simulator.close());
beforeEach(() => {
  simulator.reset();
  refreshToken = simulator.issueGrant(ACCOUNT).refreshToken;
  app = { clientId: 'simulated-client', clientSecret: 'simulated-secret' };
  reloads = 0;
  endpoint = endpointAt(simulator.url);
});

const endpointAt = (baseUrl: string) =>
  jobberTokenEndpoint({
    baseUrl,
    clock: systemClock,
    credentials: {
      get: async () => ({ ...app }),
      async reload() {
        reloads++;
        return { ...app };
      },
    },
  });

async function redeem(token = refreshToken, timeoutMs = TIMEOUT_MS) {
  const { redeem } = await endpoint.prepare();
  return redeem(token, timeoutMs);
}

const live = () => simulator.auditAccount(ACCOUNT).liveRefreshTokens;
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const around = (seconds: number) => expect.toSatisfy((at: number) => Math.abs(at - seconds) <= 2);

describe('a refresh', () => {
  it('gives the new pair, and the expiry that Jobber says', async () => {
    simulator.settings.accessTokenLifetimeSeconds = 1_200;
    expect(await redeem()).toEqual({
      outcome: 'rotated',
      accessToken: expect.stringMatching(/^eyJ/),
      refreshToken: live()[0],
      expiresAt: around(inSeconds(1_200)),
    });
  });

  it('gives the same refresh token back where rotation is off', async () => {
    simulator.settings.rotation = 'off';
    expect(await redeem()).toMatchObject({ outcome: 'rotated', refreshToken });
  });

  it('takes a warning for what it is', async () => {
    simulator.settings.rotation = 'legacy';
    await redeem();
    expect(await redeem()).toMatchObject({ outcome: 'rotated' });
  });

  it('keeps the refresh token it sent when none comes back', async () => {
    simulator.faults.push({ kind: 'no-refresh-token' });
    expect(await redeem()).toMatchObject({ outcome: 'rotated', refreshToken });
  });

  it.each([
    ['no expires_at', ['no-expires-at'], 1_200],
    ['an expires_at that is no date', ['bad-expires-at'], 1_200],
    ['neither expires_at nor a JWT', ['no-expires-at', 'opaque-access-token'], 3_600],
    ['an access token that is no JWT', ['opaque-access-token'], 1_200],
  ] as const)('knows the expiry with %s', async (_, kinds, lifetime) => {
    simulator.settings.accessTokenLifetimeSeconds = 1_200;
    simulator.faults.push(...kinds.map((kind): Fault => ({ kind })));
    expect(await redeem()).toMatchObject({
      outcome: 'rotated',
      expiresAt: around(inSeconds(lifetime)),
    });
  });

  it('is refused with a token that is used, or was never valid', async () => {
    await redeem();
    expect(await redeem()).toEqual({ outcome: 'refused' });
    expect(await redeem('0'.repeat(32))).toEqual({ outcome: 'refused' });
  });
});

describe('a wrong client secret', () => {
  it('rejects the client and says nothing about the token, which stays good', async () => {
    app = { ...app, clientSecret: 'wrong' };
    expect(await redeem()).toEqual({ outcome: 'client_rejected' });
    expect(reloads).toBe(1);
    expect(live()).toEqual([refreshToken]);
  });

  it('is read again once, and the request sent again with the new one', async () => {
    app = { ...app, clientSecret: 'from before the roll' };
    const { redeem } = await endpoint.prepare();
    app = { ...app, clientSecret: 'simulated-secret' };
    expect(await redeem(refreshToken, 2 * REDEEM)).toMatchObject({ outcome: 'rotated' });
    expect(reloads).toBe(1);
  });

  it('is not asked about again when the rest of the time is too short for that', async () => {
    app = { ...app, clientSecret: 'from before the roll' };
    const { redeem } = await endpoint.prepare();
    app = { ...app, clientSecret: 'simulated-secret' };
    expect(await redeem(refreshToken, REDEEM - 1)).toEqual({ outcome: 'client_rejected' });
    expect(live()).toEqual([refreshToken]);
  });

  it('is not replaced by another app’s credentials, which the token was not issued to', async () => {
    app = { ...app, clientSecret: 'from before the deploy' };
    const { redeem } = await endpoint.prepare();
    app = { clientId: 'another-client', clientSecret: 'simulated-secret' };
    const before = simulator.audit().totals.tokenRequests;
    expect(await redeem(refreshToken, 2 * REDEEM)).toEqual({ outcome: 'client_rejected' });
    expect(simulator.audit().totals.tokenRequests).toBe(before + 1);
  });

  it('is not asked about a second time when nothing has changed', async () => {
    simulator.faults.push({ kind: 'wrong-secret', times: null });
    const before = simulator.audit().totals.tokenRequests;
    expect(await redeem()).toEqual({ outcome: 'client_rejected' });
    expect(simulator.audit().totals.tokenRequests).toBe(before + 1);
  });
});

describe('no usable answer', () => {
  const unknown = (maybeRedeemed: boolean) => ({ outcome: 'unknown', maybeRedeemed });

  it.each<[string, Fault, boolean]>([
    ['500', { kind: 'status', status: 500 }, true],
    ['503 with HTML', { kind: 'status', status: 503, html: true }, true],
    ['403 with HTML', { kind: 'status', status: 403, html: true }, false],
    ['401 with HTML', { kind: 'status', status: 401, html: true }, false],
    ['429', { kind: 'status', status: 429 }, false],
    ['HTML with 200', { kind: 'html-200' }, true],
    ['200 without a token', { kind: 'empty-200' }, true],
    ['a redirect', { kind: 'redirect' }, false],
    ['a connection that breaks', { kind: 'drop-before' }, true],
    ['a connection that breaks after the rotation', { kind: 'drop-after' }, true],
    ['500 after the rotation', { kind: 'status-after' }, true],
    ['an answer that does not come in time', { kind: 'latency', ms: 2_000 }, true],
    ['a body that trickles', { kind: 'trickle', bytesPerSecond: 20 }, true],
  ])('is unknown: %s', async (_, fault, maybeRedeemed) => {
    simulator.faults.push(fault);
    expect(await redeem()).toMatchObject(unknown(maybeRedeemed));
  });

  it.each([
    ['in seconds', 7, 7_000],
    ['not at all', undefined, undefined],
  ])('honours Retry-After %s', async (_, retryAfter, retryAfterMs) => {
    simulator.faults.push({ kind: 'status', status: 429, ...(retryAfter && { retryAfter }) });
    expect(await redeem()).toMatchObject({ outcome: 'unknown', retryAfterMs });
  });

  it('knows that a server which cannot be reached has redeemed nothing', async () => {
    const unused = createServer();
    const port = await listen(unused, 0);
    await close(unused);
    endpoint = endpointAt(`http://127.0.0.1:${port}`);
    expect(await redeem()).toMatchObject(unknown(false));
  });

  it('follows no redirect with the secret in its body', async () => {
    simulator.faults.push({ kind: 'redirect' });
    const before = simulator.audit().totals.tokenRequests;
    await redeem();
    expect(simulator.audit().totals.tokenRequests).toBe(before + 1);
  });

  it('does not quote what it saw', async () => {
    simulator.faults.push({ kind: 'status', status: 500, body: 'refresh_token=marked' });
    expect(JSON.stringify(await redeem())).not.toContain('marked');
  });
});

describe('an answer as raw bytes', () => {
  /** Answers one request with exactly this. */
  async function redeemAgainst(status: number, contentType: string, body: string, cut = false) {
    const server = createServer((_, response) => {
      response.writeHead(status, {
        'content-type': contentType,
        'content-length': Buffer.byteLength(body) + (cut ? 1_000 : 0),
      });
      response.write(body, () => cut && response.destroy());
      if (!cut) response.end();
    });
    const port = await listen(server, 0);
    endpoint = endpointAt(`http://127.0.0.1:${port}`);
    try {
      return await redeem('sent');
    } finally {
      await close(server);
    }
  }

  const pair = '"access_token":"new-access","refresh_token":"new-refresh"';

  it.each([
    ['with another content type', 200, 'text/html', `{${pair}}`, false],
    ['with status 201', 201, 'application/json', `{${pair}}`, false],
    ['with status 500', 500, 'application/json', `{${pair}}`, false],
    ['cut off behind the pair', 200, 'application/json', `{${pair},"expires_at":"2024-`, true],
    ['with rubbish behind the pair', 200, 'application/json', `{${pair}}}}`, false],
  ])('loses no pair that has arrived: %s', async (_, status, type, body, cut) => {
    expect(await redeemAgainst(status, type, body, cut)).toMatchObject({
      outcome: 'rotated',
      accessToken: 'new-access',
      refreshToken: 'new-refresh',
    });
  });

  it.each([
    '{"refresh_token":"new-refresh","access_token":"new-acc',
    '{"refresh_token":"new-refresh","access_to',
  ])(
    'keeps a successor that arrived alone, and takes no half access token for a whole one: %s',
    async (body) => {
      const answer = await redeemAgainst(200, 'application/json', body, true);
      expect(answer).toMatchObject({ outcome: 'rotated', refreshToken: 'new-refresh' });
      expect(answer).not.toHaveProperty('accessToken');
    },
  );

  it.each([
    ['a number', '"expires_in":20'],
    ['text', '"expires_in":"20"'],
  ])('reads expires_in (RFC 6749, section 5.1) as %s', async (_, expiresIn) => {
    const before = Math.floor(Date.now() / 1000);
    const answer = await redeemAgainst(200, 'application/json', `{${pair},${expiresIn}}`, false);
    const { expiresAt } = answer as { expiresAt: number };
    expect(expiresAt - before).toBeGreaterThanOrEqual(20);
    expect(expiresAt - before).toBeLessThanOrEqual(22);
  });

  it('does not take the token it sent for the new one when the answer broke off between them', async () => {
    const body = '{"access_token":"new-access","refresh_token":"new-re';
    expect(await redeemAgainst(200, 'application/json', body, true)).toMatchObject({
      outcome: 'unknown',
      maybeRedeemed: true,
    });
  });

  it.each([
    ['Error: The provided refresh token is not valid.', 401, 'refused'],
    ['THE PROVIDED REFRESH TOKEN IS NOT VALID', 400, 'refused'],
    ['{"error":"The provided refresh token is not valid."}', 401, 'refused'],
    ['<html><p>The provided refresh token is not valid.</p></html>', 401, 'unknown'],
    ['{"error":"invalid_grant"}', 400, 'refused'],
    ['{"error":"invalid_grant"}', 401, 'refused'],
    [
      '{"error":"invalid_client","error_description":"the refresh token is not valid"}',
      401,
      'client_rejected',
    ],
    ['{"error":"unauthorized_client"}', 400, 'client_rejected'],
    ['', 401, 'client_rejected'],
    ['Anything else', 401, 'client_rejected'],
    ['{"error":"invalid_request"}', 400, 'unknown'],
    ['Anything else', 400, 'unknown'],
    ['The provided refresh token is not valid.', 500, 'unknown'],
  ])('reads %j with status %i as %s', async (body, status, outcome) => {
    for (const contentType of ['text/plain', 'text/html; charset=utf-8']) {
      expect(await redeemAgainst(status, contentType, body)).toMatchObject({ outcome });
    }
  });

  it('is bounded in size', async () => {
    const body = `{"padding":"${'x'.repeat(400_000)}",${pair}}`;
    expect(await redeemAgainst(200, 'application/json', body)).toMatchObject({
      outcome: 'unknown',
    });
  });

  it.each(['null', '[]', '"text"', '{"access_token":1,"refresh_token":2}', '{"access_token":""}'])(
    'survives %s',
    async (body) => {
      expect(await redeemAgainst(200, 'application/json', body)).toMatchObject({
        outcome: 'unknown',
      });
    },
  );
});

describe('an authorization code', () => {
  const callback = 'https://example.com/oauth/callback';

  async function code(): Promise<string> {
    const response = await fetch(`${simulator.url}/api/oauth/authorize`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({
        response_type: 'code',
        client_id: app.clientId,
        redirect_uri: callback,
        account: String(ACCOUNT),
        decision: 'allow',
      }),
    });
    return new URL(response.headers.get('location') ?? '').searchParams.get('code') ?? '';
  }

  it('is exchanged for a pair that is valid for an hour', async () => {
    expect(await endpoint.exchangeCode(await code(), callback, TIMEOUT_MS)).toMatchObject({
      outcome: 'rotated',
      refreshToken: live()[0],
      expiresAt: around(inSeconds(3_600)),
    });
  });

  it('is refused when it was used, or is nobody’s', async () => {
    const used = await code();
    await endpoint.exchangeCode(used, callback, TIMEOUT_MS);
    expect(await endpoint.exchangeCode(used, callback, TIMEOUT_MS)).toMatchObject({
      outcome: 'refused',
    });
    expect(await endpoint.exchangeCode('x', callback, TIMEOUT_MS)).toMatchObject({
      outcome: 'refused',
    });
  });

  it('is told apart from a wrong client secret', async () => {
    app = { ...app, clientSecret: 'wrong' };
    expect(await endpoint.exchangeCode(await code(), callback, TIMEOUT_MS)).toMatchObject({
      outcome: 'client_rejected',
    });
  });
});
