import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { type SignatureCheck, signatureCheck } from '../../../shared/jobber/webhook-signature.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

const BODY = Buffer.from('{"data":{"webHookEvent":{"topic":"ä"}}}');
const sign = (secret: string, body: Buffer = BODY, encoding: 'base64' | 'hex' = 'base64') =>
  createHmac('sha256', secret).update(body).digest(encoding);

describe('the signature of a webhook', () => {
  let clock: FakeClock;
  let check: SignatureCheck;
  let known: string;
  let stored: string;
  let previous: string | undefined;
  let reloads: number;

  beforeEach(() => {
    clock = fakeClock();
    [known, stored, previous, reloads] = ['current', 'current', undefined, 0];
    const app = (clientSecret: string) => ({ clientId: 'client', clientSecret });
    check = signatureCheck(
      {
        get: async () => app(known),
        async reload() {
          reloads++;
          known = stored;
          return app(known);
        },
        previous: async () => (previous === undefined ? undefined : app(previous)),
      },
      clock,
    );
  });

  it('is right with the client secret, over the bytes as they came', async () => {
    expect(await check.isFromJobber(BODY, sign('current'))).toBe(true);
    const parsed = Buffer.from(JSON.stringify(JSON.parse(BODY.toString()), null, 1));
    expect(await check.isFromJobber(parsed, sign('current'))).toBe(false);
  });

  it('is right with the client secret before the current one', async () => {
    expect(await check.isFromJobber(BODY, sign('former'))).toBe(false);
    previous = 'former';
    expect(await check.isFromJobber(BODY, sign('former'))).toBe(true);
  });

  it.each([
    ['missing', ''],
    ['another’s', sign('guessed')],
    ['of another body', sign('current', Buffer.from('{}'))],
    ['in hex', sign('current', BODY, 'hex')],
    ['cut short', sign('current').slice(0, -1)],
    ['without padding', sign('current').replace('=', '')],
    ['doubled, as by two headers', `${sign('current')},${sign('current')}`],
    ['no base64', '🙂'.repeat(11)],
  ])('is wrong when it is %s', async (_, signature) => {
    expect(await check.isFromJobber(BODY, signature)).toBe(false);
  });

  it('is right with a secret that was put a moment ago, and forgeries ask for that at most every ten seconds', async () => {
    for (let forged = 0; forged < 50; forged++) await check.isFromJobber(BODY, sign('guessed'));
    expect(reloads).toBe(1);
    clock.advance(10_000);
    stored = 'new';
    expect(await check.isFromJobber(BODY, sign('new'))).toBe(true);
    expect(await check.isFromJobber(BODY, sign('new'))).toBe(true);
    expect(reloads).toBe(2);
  });
});
