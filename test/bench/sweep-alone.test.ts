import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { measureSweepAlone } from '../../bench/sweep-alone.ts';

const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the sweep beside a stand-in', () => {
  it('queues every connection of the slots that it visits, over several pages', async () => {
    const [few, many] = await measureSweepAlone([10, 6_000], folder);
    expect([few?.queued, many?.queued]).toEqual([10, 6_000]);
    expect(many?.requests).toEqual({
      GetItem: 1,
      // Of disconnects, 8 shards of appeals, 5 idle slots and 5 warm ones with two pages each.
      Query: 1 + 8 + 5 + 10,
      SendMessageBatch: 600,
      UpdateItem: 1,
    });
    expect(many?.peakMB).toBeGreaterThan(40);
  }, 60_000);
});
