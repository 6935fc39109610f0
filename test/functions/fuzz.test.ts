import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeRotation } from '../../shared/tokens/escrow.ts';
import { type TestSystem, testSystem } from '../support/local-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '" onload="x',
    "'; DROP",
    '\u0000',
    'x'.repeat(5_000),
  ),
  fc.webUrl(),
);

describe('the callback', () => {
  it('answers no query with a 5xx, nor with anything of it on the page', async () => {
    const names = fc.oneof(fc.constantFrom('code', 'state', 'error', 'error_description'), text);
    const cookie = fc.option(fc.stringMatching(/^[\w-]{1,50}=[\w-]{0,50}$/), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(names, text), { maxLength: 4 }),
        cookie,
        async (query, sent) => {
          const search = new URLSearchParams(
            query.map(([name, value]): [string, string] => [
              name.toWellFormed(),
              value.toWellFormed(),
            ]),
          );
          const response = await fetch(`${system.url}/oauth/callback?${search}`, {
            headers: sent ? { cookie: sent } : {},
          });
          expect(response.status).toBeLessThan(500);
          expect(await response.text()).not.toMatch(/<script|onload|DROP/);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('answers the start of a connect likewise', async () => {
    await fc.assert(
      fc.asyncProperty(text, async (link) => {
        const search = new URLSearchParams({ link: link.toWellFormed() });
        const response = await fetch(`${system.url}/oauth/connect?${search}`, {
          redirect: 'manual',
        });
        expect(response.status).toBe(400);
      }),
      { numRuns: 100 },
    );
  });
});

describe('get-token', () => {
  it('answers whatever it is invoked with, without an exception', async () => {
    const request = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          accountId: fc.oneof(text, fc.jsonValue()),
          minValiditySeconds: fc.oneof(fc.integer(), fc.jsonValue()),
          rejectedToken: fc.oneof(text, fc.jsonValue()),
        },
        { requiredKeys: ['accountId'] },
      ),
    );
    await fc.assert(
      fc.asyncProperty(request, async (event) => {
        const answer = await system.getToken(event);
        expect(answer).toMatchObject({
          ok: false,
          error: { code: expect.stringMatching(/^(invalid_request|not_connected)$/) },
        });
        const message = (answer as { error: { message: string } }).error.message;
        expect(message).not.toMatch(/[\n\r]/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the queues’ consumers', () => {
  it('leave whatever they cannot read in the queue, without an exception', async () => {
    const body = fc.oneof(
      text,
      fc.json(),
      text.map((value) => Buffer.from(value).toString('base64url')),
    );
    await fc.assert(
      fc.asyncProperty(body, async (message) => {
        const event = { Records: [{ messageId: '1', body: message, eventSource: 'aws:sqs' }] };
        expect(() => decodeRotation(message)).toThrow();
        expect(await system.invoke('save-rotation', event)).toEqual({
          batchItemFailures: [{ itemIdentifier: '1' }],
        });
      }),
      { numRuns: 200 },
    );
  });
});
