import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Container, type Image, startContainer } from '../../local/container.ts';

let folder: string;
let container: Container;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-container-'));
});
afterEach(() => {
  container.stop();
  rmSync(folder, { recursive: true });
});

/** A container of a function whose handler has this body. */
function run(body: string, image: Partial<Image> = {}): Container {
  const file = join(folder, 'index.js');
  writeFileSync(file, `exports.handler = async (event, context) => { ${body} };`);
  container = startContainer({
    name: 'get-token',
    file,
    handler: 'handler',
    timeoutSeconds: 20,
    environment: {},
    ...image,
  });
  return container;
}

describe('a container', () => {
  it('gives the handler the event and a context', async () => {
    const { invoke } = run(
      'return { event, ...context, left: context.getRemainingTimeInMillis() }',
    );
    const seen = (await invoke({ a: 1 })) as Record<string, unknown>;
    expect(seen).toMatchObject({ event: { a: 1 }, functionName: 'get-token' });
    expect(seen['left']).toBeLessThanOrEqual(20_000);
    expect(seen['left']).toBeGreaterThan(0);
  });

  it('has the environment that it was given, and nothing of this process’s', async () => {
    process.env['TABLE_NAME'] = 'not for the container';
    const { invoke } = run('return process.env', { environment: { ONLY: 'this' } });
    expect(await invoke({})).toEqual({ ONLY: 'this' });
  });

  it('passes an error on by its name and message', async () => {
    const { invoke } = run('throw Object.assign(new Error("so it is"), { name: "Mine" })');
    await expect(invoke({})).rejects.toMatchObject({ name: 'Mine', message: 'so it is' });
  });

  it('is ended by an invocation that takes too long', async () => {
    const { invoke } = run('await new Promise(() => setInterval(() => {}, 1_000))', {
      timeoutSeconds: 1,
    });
    const other = invoke({});
    await expect(invoke({})).rejects.toThrow('Task timed out after 1 seconds');
    await expect(other).rejects.toThrow('Task timed out after 1 seconds');
    expect(container.isRunning).toBe(false);
  });

  it('tells everybody who waits that its process has ended', async () => {
    const { invoke } = run('process.exit()');
    await expect(invoke({})).rejects.toThrow('The process of get-token has ended.');
    expect(container.isRunning).toBe(false);
  });

  it('says when the file has no such handler', async () => {
    const { invoke } = run('', { handler: 'handle' });
    await expect(invoke({})).rejects.toThrow('exports no function handle');
  });

  it('says when there is no such file', async () => {
    const { invoke } = run('', { file: join(folder, 'main.js') });
    await expect(invoke({})).rejects.toThrow("Cannot find module '");
  });
});
