import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ApiVersionState } from '../../local/jobber/api-versions.ts';
import { logger } from '../../shared/runtime/telemetry.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';

const { counted } = vi.hoisted(() => ({ counted: [] as string[] }));
vi.mock('../../shared/runtime/telemetry.ts', async (original) => {
  const telemetry = await original<typeof import('../../shared/runtime/telemetry.ts')>();
  return { ...telemetry, count: (metric: string) => void counted.push(metric) };
});

const SENT = '2026-05-12';
const NEXT = '2026-11-01';
const warned = vi.spyOn(logger, 'warn').mockReturnValue();

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
beforeEach(() => {
  system.simulator.reset();
  counted.length = 0;
  warned.mockClear();
});

const release = (state: ApiVersionState) => {
  system.simulator.settings.apiVersions = { [SENT]: state, [NEXT]: 'supported' };
};
const connect = () => system.connect(MAPLE);
const versionMetrics = () => counted.filter((metric) => metric.startsWith('ApiVersion'));
const versionLines = () => warned.mock.calls.filter(([line]) => /version/i.test(String(line)));

describe('the version of Jobber’s API that the functions send', () => {
  it('is counted and logged nowhere while Jobber supports it', async () => {
    await connect();
    await system.invoke('disconnect', { accountId: idOf(MAPLE) });
    expect(versionMetrics()).toEqual([]);
    expect(versionLines()).toEqual([]);
  });

  it('is counted at each answer of another version, and logged once for each process', async () => {
    release('removed');
    expect(await connect()).toContain('Jobber is connected');
    expect(await connect()).toContain('Jobber is connected');
    expect(versionMetrics()).toEqual(['ApiVersionUpgraded', 'ApiVersionUpgraded']);
    expect(versionLines()).toEqual([[expect.stringContaining(`${NEXT}, though ${SENT} was sent`)]]);
  });

  it('is counted and logged where Jobber does not know it', async () => {
    system.simulator.settings.apiVersions = { [NEXT]: 'supported' };
    expect(await connect()).not.toContain('Jobber is connected');
    expect(versionMetrics()).toContain('ApiVersionWarning');
    expect(versionLines()).toEqual([
      [expect.stringContaining(`Jobber does not know API version ${SENT}`)],
    ]);
  });

  it('is counted at each warning of Jobber’s, and logged once for each process', async () => {
    release('unsupported');
    await connect();
    expect(await system.invoke('disconnect', { accountId: idOf(MAPLE) })).toMatchObject({
      status: 'disconnected',
    });
    expect(versionMetrics()).toEqual(['ApiVersionWarning', 'ApiVersionWarning']);
    expect(versionLines()).toEqual([
      [expect.stringContaining(`API Version ${SENT} is no longer supported`)],
    ]);
  });
});
