import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Everything } from '../support/everything.ts';

const SCRIPT = new URL('../support/everything.ts', import.meta.url).pathname;

describe('tokens, codes, states, cookies and secrets', () => {
  let everything: Everything;
  let output: string;

  beforeAll(async () => {
    const child = spawn(process.execPath, [SCRIPT], {
      env: { PATH: process.env['PATH'], POWERTOOLS_LOG_LEVEL: 'DEBUG' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const streams = Promise.all([text(child.stdout as never), text(child.stderr as never)]);
    const [message] = await once(child, 'message');
    everything = message as Everything;
    output = (await streams).join('\n');
  }, 90_000);

  it('are many, and a lot is logged, so that the search means something', () => {
    expect(everything.secrets.length).toBeGreaterThan(40);
    expect(everything.secrets.every((secret) => secret.length >= 10)).toBe(true);
    expect(everything.shown.length).toBeGreaterThan(10);
    const lines = output.split('\n').filter((line) => line.startsWith('{'));
    expect(lines.length).toBeGreaterThan(20);
    for (const code of [
      'client_rejected',
      'refresh_outcome_unknown',
      'reconnect_required',
      'table_unavailable',
    ]) {
      expect(output).toContain(code);
    }
    for (const metric of [
      'RefreshSucceeded',
      'RefreshUnknown',
      'ReconnectRequired',
      'ClientRejected',
      'TokenEndpointLatency',
      'SweepQueued',
      'SweepLag',
    ]) {
      expect(output).toContain(`"${metric}"`);
    }
  });

  it('reach no log line and no metric', () => {
    expect(everything.secrets.filter((secret) => output.includes(secret))).toEqual([]);
  });

  it('reach no page and no error', () => {
    const shown = everything.shown.join('\n');
    expect(everything.secrets.filter((secret) => shown.includes(secret))).toEqual([]);
  });
});
