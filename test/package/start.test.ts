import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browser } from '../../local/browser.ts';
import { idOf, MAPLE } from '../support/local-system.ts';
import { type PackedPackage, packedPackage } from '../support/packed-package.ts';

interface Addresses {
  readonly url: string;
  readonly awsUrl: string;
  readonly environment: Readonly<Record<string, string>>;
}

const OWN = `import { jobberQuery } from 'jobber-tokens/client';

export async function handler({ accountId }: { accountId: string }): Promise<string> {
  const query = 'query { account { name } }';
  const { account } = await jobberQuery<{ account: { name: string } }>(accountId, query);
  return account.name;
}
`;

const accountId = idOf(MAPLE);

describe('`jobber-tokens start`, of the packed package', () => {
  let packed: PackedPackage;
  let folder: string;
  let child: ChildProcess;
  let system: Addresses;
  let lambda: LambdaClient;
  const cli = () => join(packed.folder, 'node_modules/jobber-tokens/dist/cli/main.js');

  beforeAll(async () => {
    packed = await packedPackage();
    folder = join(packed.folder, 'own');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'own.ts'), OWN);
    child = spawn(process.execPath, [cli(), 'start', '--function', 'own=./own.ts'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], PORT: '0' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    [system] = (await once(child, 'message')) as [Addresses];
    const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = system.environment;
    lambda = new LambdaClient({
      endpoint: system.awsUrl,
      credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
    });
    await browser().connect(`${system.url}/_local/connect`, MAPLE);
  }, 120_000);
  afterAll(() => {
    child?.kill('SIGKILL');
    packed?.remove();
  });

  async function invoke(name: string, event: unknown): Promise<unknown> {
    const command = new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event) });
    const { Payload } = await lambda.send(command);
    return JSON.parse(new TextDecoder().decode(Payload));
  }
  const act = async (name: string) =>
    (
      await fetch(`${system.url}/_local/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ accountId }),
      })
    ).json();

  it('connects an account and hands out its token', async () => {
    expect(await invoke('get-token', { accountId })).toMatchObject({ ok: true, accountId });
  });

  it('runs a function of one’s own beside its own', async () => {
    expect(await invoke('own', { accountId })).toBe('Maple Street Plumbing');
    await expect(invoke('nobody', {})).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('redeems once for many callers in several processes', async () => {
    await act('expire');
    expect(await act('stampede')).toMatchObject({ ok: true, redemptions: 1, distinctTokens: 1 });
  });

  it('shows its page, without a button for the example that it does not have', async () => {
    expect(await (await fetch(system.url)).text()).toContain('page.js');
    const state = await (await fetch(`${system.url}/_local/state`)).json();
    expect(state).toMatchObject({ syncs: false, connections: [{ accountId }] });
  });

  it('ends with Ctrl-C', async () => {
    child.kill('SIGINT');
    expect((await once(child, 'exit'))[0]).toBe(0);
  });

  it('says in one line what it needs that the package does not bring', async () => {
    const alone = mkdtempSync(join(tmpdir(), 'jobber-tokens-alone-'));
    cpSync(join(packed.folder, 'node_modules/jobber-tokens'), alone, { recursive: true });
    const start = (...args: string[]) =>
      promisify(execFile)(process.execPath, [join(alone, 'dist/cli/main.js'), 'start', ...args], {
        cwd: alone,
        env: { PORT: '0' },
      });
    await expect(start()).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^The local system needs .*npm install --save-dev .*dynalite@4.*\n$/,
      ),
    });
    await expect(start('--function', 'own')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('sync=./src/sync.ts'),
    });
    await expect(start('--function', 'own=./nothing.ts')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There is no file ./nothing.ts'),
    });
    rmSync(alone, { recursive: true });
  });
});
