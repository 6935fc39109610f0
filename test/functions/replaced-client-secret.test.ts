import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { APP_SECRET } from '../../local/aws/secrets.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
afterEach(() => void vi.useRealTimers());

const body = JSON.stringify({
  data: {
    webHookEvent: {
      topic: 'CLIENT_CREATE',
      accountId: idOf(MAPLE),
      occurredAt: '2026-01-15T09:00:00-06:00',
    },
  },
});

/** How a webhook is answered that is signed with this client secret. */
async function answerTo(secret: string): Promise<number> {
  const signature = createHmac('sha256', secret).update(body).digest('base64');
  const headers = { 'X-Jobber-Hmac-SHA256': signature };
  const url = `${system.url}/webhooks/jobber`;
  return (await fetch(url, { method: 'POST', body, headers })).status;
}

describe('webhooks after the client secret was replaced', () => {
  it('may be signed with the new one at once, and with the former one for an hour', async () => {
    const { clientId, clientSecret: former } = system.simulator.settings;
    expect(await answerTo(former)).toBe(200);
    system.secrets.put(APP_SECRET, JSON.stringify({ clientId, clientSecret: 'new-secret' }));
    const replacedAt = Date.now();
    const minutesLater = (minutes: number) =>
      vi.useFakeTimers({ toFake: ['Date'], now: replacedAt + minutes * 60_000 });

    expect(await answerTo('new-secret')).toBe(200);
    expect(await answerTo(former)).toBe(200);
    minutesLater(59);
    expect(await answerTo(former)).toBe(200);
    minutesLater(61);
    expect(await answerTo(former)).toBe(401);
    expect(await answerTo('new-secret')).toBe(200);
  });
});
