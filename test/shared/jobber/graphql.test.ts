import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readAnswer } from '../../../shared/jobber/graphql.ts';

const answer = (status: number, body: string, contentType = 'application/json') => ({
  status,
  contentType,
  body,
  complete: true,
  retryAfterMs: undefined,
});
const kindOf = (status: number, body: unknown) =>
  readAnswer(answer(status, JSON.stringify(body))).kind;

const GONE = 'User has disconnected this app from their account. Please delete this token';

it.each([200, 401, 403])('reads what ends a connection with whatever status: %i', (status) => {
  expect(kindOf(status, { message: GONE })).toBe('disconnected');
  expect(kindOf(status, { error: { message: 'This account is not active' } })).toBe('inactive');
  expect(kindOf(status, { message: 'Token not recognized' })).toBe('token_rejected');
});

it('does not take a client’s data for Jobber’s word', () => {
  expect(kindOf(200, { data: { note: { message: GONE } } })).toBe('data');
  expect(kindOf(200, { data: { message: 'This account is not active' } })).toBe('data');
});

it.each([
  ['none', undefined],
  ['a rate of 0', { requestedQueryCost: 1, throttleStatus: status({ restoreRate: 0 }) }],
  ['text', { requestedQueryCost: '1', throttleStatus: status({}) }],
  ['half of it', { requestedQueryCost: 1 }],
])('reads a refusal whose cost cannot be calculated with: %s', (_, cost) => {
  const errors = [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }];
  const body = JSON.stringify({ errors, extensions: { cost } });
  expect(readAnswer(answer(200, body))).toEqual({ kind: 'throttled', cost: undefined });
});

function status(changes: object) {
  return { maximumAvailable: 10, currentlyAvailable: 5, restoreRate: 1, ...changes };
}

it('reads anything as something', () => {
  const KINDS =
    /^(?:data|errors|token_rejected|disconnected|inactive|throttled|too_many_requests|unavailable|refused)$/;
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record(
        {
          data: fc.jsonValue(),
          errors: fc.oneof(fc.jsonValue(), fc.array(fc.jsonValue())),
          extensions: fc.jsonValue(),
          message: fc.jsonValue(),
          error: fc.jsonValue(),
        },
        { requiredKeys: [] },
      )
      .map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), body, fc.boolean(), (code, text, complete) => {
      const read = readAnswer({ ...answer(code, text), complete });
      expect(read.kind).toMatch(KINDS);
      if (!complete) expect(read.kind).not.toBe('data');
    }),
  );
});
