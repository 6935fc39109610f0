import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as errors from '../../../shared/tokens/errors.ts';

const cause = new Error('the cause');
const all: [code: string, error: errors.AnyTokenError, retryable: boolean][] = [
  ['not_connected', new errors.NotConnectedError(), false],
  ['disconnected', new errors.DisconnectedError(), false],
  ['reconnect_required', new errors.ReconnectRequiredError('revoked'), false],
  ['reconnect_required', new errors.ReconnectRequiredError('rotation_lost'), false],
  ['reconnect_required', new errors.ReconnectRequiredError('unreadable', { cause }), false],
  ['refresh_in_progress', new errors.RefreshInProgressError(), true],
  ['deadline_too_close', new errors.DeadlineTooCloseError(), true],
  ['refresh_outcome_unknown', new errors.RefreshOutcomeUnknownError('HTTP 502'), true],
  ['refresh_paused', new errors.RefreshPausedError(), true],
  ['rotation_in_doubt', new errors.RotationInDoubtError(), true],
  ['client_rejected', new errors.ClientRejectedError(), true],
  ['access_token_rejected', new errors.AccessTokenRejectedError(), false],
  ['table_unavailable', new errors.TableUnavailableError(cause), true],
  ['secrets_unavailable', new errors.SecretsUnavailableError(cause), true],
];

describe('a token error', () => {
  it.each(all)('%s has its code, and says whether to try again', (code, error, retryable) => {
    expect(error).toMatchObject({ code, retryable });
    expect(readFileSync('README.md', 'utf8')).toContain(`\`${code}\``);
  });

  // Code that was minified has no class names left.
  it.each(all)('%s is named as its class', (_, error) => {
    const [name] = Object.entries(errors).find(([, Class]) => error.constructor === Class) ?? [];
    expect(error.name).toBe(name);
  });

  it.each(all)('%s says in whole sentences what happened and what to do', (_, { message }) => {
    const sentences = message.split(/(?<=\.) /);
    expect(sentences.length).toBeGreaterThan(1);
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z][^.]{10,}[\w)]\.$/);
    expect(message).not.toMatch(/undefined|NaN/);
  });

  it('gives the reason for a reconnect in different words each', () => {
    const messages = all
      .filter(([code]) => code === 'reconnect_required')
      .map(([, error]) => error);
    const words = messages.map(({ message }) => message.replace(/\(\w+\)/, ''));
    expect(new Set(words).size).toBe(3);
    for (const each of words) expect(each).toMatch(/: [\w ,]{30,}\./);
  });

  it('keeps what caused it', () => {
    const caused = all.filter(([, error]) => error.cause === cause).map(([code]) => code);
    expect(caused).toEqual(['reconnect_required', 'table_unavailable', 'secrets_unavailable']);
  });

  it('of an unknown outcome tells how long to wait, in whole seconds, if the endpoint said so', () => {
    const { RefreshOutcomeUnknownError: Unknown } = errors;
    expect(new Unknown('HTTP 429', 1_001)).toHaveProperty('retryAfterSeconds', 2);
    expect(new Unknown('HTTP 429')).toHaveProperty('retryAfterSeconds', undefined);
    expect(new Unknown('HTTP 429').message).toContain('HTTP 429');
  });
});
