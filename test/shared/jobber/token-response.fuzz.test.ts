import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTokenResponse } from '../../../shared/jobber/token-response.ts';
import type { EpochMs } from '../../../shared/runtime/clock.ts';

const NOW = Date.UTC(2026, 0, 15) as EpochMs;

const contentTypes = fc.constantFrom(
  'application/json',
  'text/html; charset=utf-8',
  'text/plain',
  '',
);
const statuses = fc.oneof(
  fc.constantFrom(200, 400, 401, 403, 429, 500, 503),
  fc.integer({ min: 200, max: 599 }),
);
const token = fc.stringMatching(/^[\w.-]{1,60}$/);
const answers = fc.record({
  status: statuses,
  contentType: contentTypes,
  complete: fc.boolean(),
  retryAfterMs: fc.option(fc.nat(), { nil: undefined }),
});
/** Whatever else may stand beside the pair, expiries of every kind included. */
const others = fc.dictionary(
  fc.oneof(
    fc.constantFrom('expires_at', 'expires_in', 'warning', 'token_type', 'scope'),
    fc.string(),
  ),
  fc.oneof(
    fc.jsonValue(),
    fc.date().map(String),
    fc.constant('"access_token":"x","refresh_token":"y"'),
  ),
);

describe('reading an answer of the token endpoint', () => {
  it('never throws, and always has an outcome', () => {
    fc.assert(
      fc.property(
        answers,
        fc.oneof(fc.string(), fc.json()),
        fc.option(token),
        (answer, body, sent) => {
          const { outcome } = readTokenResponse({ ...answer, body }, sent ?? undefined, NOW);
          expect(['rotated', 'refused', 'client_rejected', 'unknown']).toContain(outcome);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('loses no pair, whatever stands beside it and whatever the status', () => {
    fc.assert(
      fc.property(answers, others, token, token, (answer, beside, accessToken, refreshToken) => {
        const pair = { access_token: accessToken, refresh_token: refreshToken };
        for (const body of [
          { ...beside, ...pair },
          { ...pair, ...without(beside, pair) },
        ]) {
          const read = readTokenResponse({ ...answer, body: JSON.stringify(body) }, 'sent', NOW);
          expect(read).toMatchObject({ outcome: 'rotated', accessToken, refreshToken });
          const { expiresAt } = read as { expiresAt: number };
          expect(expiresAt).toBeGreaterThan(NOW / 1000);
          expect(expiresAt).toBeLessThanOrEqual(NOW / 1000 + 24 * 3_600);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('takes from an answer that was cut off the pair as it was, or none', () => {
    fc.assert(
      fc.property(
        answers,
        others,
        token,
        token,
        fc.nat(),
        (answer, beside, accessToken, refreshToken, cut) => {
          const pair = { access_token: accessToken, refresh_token: refreshToken };
          const whole = JSON.stringify({ ...pair, ...without(beside, pair) });
          const body = whole.slice(0, cut % whole.length);
          const read = readTokenResponse({ ...answer, body }, 'sent', NOW);
          const hasPair = body.includes(`"refresh_token":"${refreshToken}"`);
          if (hasPair)
            expect(read).toMatchObject({ outcome: 'rotated', accessToken, refreshToken });
          else expect(read.outcome).not.toBe('rotated');
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('believes in a refusal only when it is said in so many words, with status 400 or 401', () => {
    fc.assert(
      fc.property(answers, fc.oneof(fc.string(), fc.json()), (answer, body) => {
        const { outcome } = readTokenResponse({ ...answer, body }, 'sent', NOW);
        if (outcome !== 'refused') return;
        expect([400, 401]).toContain(answer.status);
        expect(body).toMatch(/invalid_grant|not valid|invalid|expired|used/i);
      }),
      { numRuns: 3_000 },
    );
  });
});

const without = (beside: Record<string, unknown>, pair: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(beside).filter(([name]) => !Object.hasOwn(pair, name)));
