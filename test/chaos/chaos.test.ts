import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Outcome {
  readonly code: number;
  readonly output: string;
  /** The number in the row with this label. */
  row(label: string): number;
}

/** A run in processes of its own, as `npm run chaos` makes it. */
function chaos(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const main = join(import.meta.dirname, 'main.ts');
    execFile(process.execPath, [main, ...args], (error, output) => {
      const row = (label: string) => {
        const line = output.split('\n').find((each) => each.trim().startsWith(label)) ?? '';
        return Number.parseInt(line.trim().slice(label.length), 10);
      };
      resolve({ code: error ? Number(error.code ?? -1) : 0, output, row });
    });
  });
}

describe('with real processes', { timeout: 150_000 }, () => {
  it('loses nothing but what nothing can save, whoever is killed and whatever fails', async () => {
    const { code, output, row } = await chaos(
      '--seconds',
      '8',
      '--accounts',
      '5',
      '--processes',
      '3',
    );
    expect(output).toMatch(/^chaos: OK$/m);
    expect(code).toBe(0);
    expect(row('LOST SILENTLY OR WRONGLY RECORDED')).toBe(0);
    expect(row('redemptions')).toBeGreaterThan(0);
    expect(row('processes killed')).toBeGreaterThan(0);
    expect(row('processes stopped past the lease')).toBeGreaterThan(0);
    expect(row('requests to the table that met a fault')).toBeGreaterThan(0);
    expect(row('faults of Jobber')).toBeGreaterThan(0);
  });

  it('loses only what was in flight and the probes when Jobber commits and does not answer', async () => {
    const args = ['--seconds', '10', '--accounts', '24', '--processes', '2', '--calm'];
    const { code, output, row } = await chaos(...args, '--brownout', '45');
    expect(output).toMatch(
      /^lost: \d+ of \d+, silently: 0, beyond those in flight and the probes: 0$/m,
    );
    expect(code).toBe(0);
    expect(row('connections that came due while Jobber was bad')).toBeGreaterThan(5);
    expect(row('redemptions meanwhile')).toBeGreaterThan(0);
  });

  it('convicts read, redeem, write', async () => {
    const args = ['--seconds', '8', '--accounts', '5', '--processes', '3', '--design', 'naive'];
    const { code, row } = await chaos(...args);
    expect(code).toBe(1);
    expect(row('LOST SILENTLY OR WRONGLY RECORDED')).toBeGreaterThan(0);
  });
});
