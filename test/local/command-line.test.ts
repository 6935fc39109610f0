import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { close, listen } from '../../local/listen.ts';

const MAIN = new URL('../../local/main.ts', import.meta.url).pathname;

let folder: string;
let started: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-test-'));
  started = [];
});
afterEach(async () => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function run(environment: Record<string, string> = {}, ...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'], JOBBER_TOKENS_FOLDER: folder, PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  started.push(child);
  return child;
}

/** All that a start prints. */
async function printed(child: ChildProcess): Promise<string> {
  let printed = '';
  for await (const chunk of child.stdout ?? []) {
    printed += chunk;
    if (printed.includes('Ctrl-C stops it')) break;
  }
  return printed;
}

/** What a start tells its user to enter in another terminal. */
function commandsIn(output: string): { source: string; invoke: string } {
  const [, source = ''] = /^ +(\. .*)$/m.exec(output) ?? [];
  const [, invoke = ''] = /^ +(aws lambda invoke (?:.*\\\n)*.*)$/m.exec(output) ?? [];
  return { source, invoke };
}

/** In the terminal of somebody who also works with a real AWS account. */
const inTerminal = (script: string, path = '') =>
  promisify(execFile)('sh', ['-euc', script], {
    cwd: new URL('../..', import.meta.url),
    env: {
      PATH: `${path}:${dirname(process.execPath)}:${process.env['PATH']}`,
      AWS_PROFILE: 'work',
    },
  });

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
  child.kill(signal);
  await once(child, 'exit');
}

/** What a start that fails prints, line by line. */
async function failure(child: ChildProcess) {
  if (!child.stderr) throw new Error('no stderr');
  const [lines, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return { code, lines: lines.trim().split('\n') };
}

describe('npm start', { timeout: 60_000 }, () => {
  it('says where everything is, and stops cleanly at Ctrl-C', async () => {
    const child = run();
    const [{ url }] = (await once(child, 'message')) as [{ url: string }];
    expect((await fetch(url)).status).toBe(200);
    const output = text(child.stdout as NonNullable<typeof child.stdout>);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await output).toContain(`jobber-tokens   ${url}`);
  });

  it('writes a file that tells an AWS SDK in another terminal what it needs, new credentials included', async () => {
    const keys: string[] = [];
    writeFileSync(
      join(folder, 'invoke.mjs'),
      `import { createRequire } from 'node:module';
      const { InvokeCommand, LambdaClient } = createRequire('${MAIN}')('@aws-sdk/client-lambda');
      const { Payload } = await new LambdaClient().send(
        new InvokeCommand({ FunctionName: 'get-token', Payload: '{"accountId":"x"}' }),
      );
      console.log(Buffer.from(Payload).toString());`,
    );
    for (const _ of ['first start', 'second start']) {
      const child = run();
      const { source } = commandsIn(await printed(child));
      const { stdout } = await inTerminal(
        `${source}; echo "$AWS_ACCESS_KEY_ID"; echo "$AWS_SECRET_ACCESS_KEY"; node '${folder}/invoke.mjs'`,
      );
      const [id = '', secret = '', answer = ''] = stdout.split('\n');
      keys.push(id, secret);
      expect(JSON.parse(answer)).toMatchObject({ ok: false, error: { code: 'not_connected' } });
      await stop(child);
    }
    expect(new Set(keys).size).toBe(4);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'keeps that file from other users of the machine, and removes it at a %s',
    async (signal) => {
      const file = join(folder, 'simulator', 'env');
      mkdirSync(join(folder, 'simulator'));
      // As a start leaves it that could not end by itself.
      writeFileSync(file, 'stale', { mode: 0o644 });
      const child = run();
      const { source } = commandsIn(await printed(child));
      expect(source).toBe(`. ${file}`);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      await stop(child, signal);
      expect(existsSync(file)).toBe(false);
    },
  );

  it('names that file as a shell takes it, wherever the folder is', async () => {
    const { source } = commandsIn(
      await printed(run({ JOBBER_TOKENS_FOLDER: join(folder, "it's a folder") })),
    );
    const { stdout } = await inTerminal(`${source}; echo "$JOBBER_TOKENS_GET_TOKEN_FUNCTION"`);
    expect(stdout).toBe('get-token\n');
  });

  it('prints a command for the AWS CLI that names its endpoint, since older CLIs know no variable for it', async () => {
    const child = run();
    const [[{ awsUrl }], output] = await Promise.all([
      once(child, 'message') as Promise<[{ awsUrl: string }]>,
      printed(child),
    ]);
    const { source, invoke } = commandsIn(output);
    const program = '#!/bin/sh\necho "profile=$AWS_PROFILE"\nfor each; do echo "$each"; done\n';
    writeFileSync(join(folder, 'aws'), program, { mode: 0o755 });
    const { stdout } = await inTerminal(`${source}\n${invoke}`, folder);
    const [profile, ...args] = stdout.trim().split('\n');
    expect(profile).toBe('profile=');
    expect(args.slice(0, 2)).toEqual(['lambda', 'invoke']);
    expect(args[args.indexOf('--endpoint-url') + 1]).toBe(awsUrl);
    expect(args[args.indexOf('--function-name') + 1]).toBe('get-token');
  });

  it('is at the same addresses after a restart', async () => {
    const other = createServer();
    const port = await listen(other, 0);
    await close(other);
    for (const _ of ['first start', 'second start']) {
      const child = run({ PORT: String(port) });
      const [addresses] = await once(child, 'message');
      expect(addresses).toMatchObject({
        url: `http://localhost:${port}`,
        jobberUrl: `http://localhost:${port + 1}`,
        awsUrl: `http://127.0.0.1:${port + 2}`,
      });
      await stop(child);
    }
  });

  it('keeps its folder from other users of the machine', async () => {
    await once(run(), 'message');
    expect(statSync(join(folder, 'simulator')).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['a port that is taken', 'Port %PORT% is taken.'],
    ['the next port that is taken', 'Port %PORT% is taken.'],
  ])('explains %s in one line', async (which, message) => {
    const other = createServer();
    const port = await listen(other, 0);
    const first = which.startsWith('the next') ? port - 1 : port;
    const { code, lines } = await failure(run({ PORT: String(first) }));
    await close(other);
    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringContaining(message.replace('%PORT%', String(port)))]);
  });

  it('explains a second instance on the same folder in one line', async () => {
    await once(run(), 'message');
    const { code, lines } = await failure(run());
    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringMatching(/^Another instance is running on /)]);
  });

  it.each([
    ['dynamodb/CURRENT', 'rubbish'],
    ['sealing-key.json', '{'],
    ['sealing-key.json', '{}'],
    ['jobber.json', '{'],
  ])('explains a damaged %s in one line', async (file, content) => {
    const child = run();
    await once(child, 'message');
    child.kill('SIGINT');
    await once(child, 'exit');
    writeFileSync(join(folder, 'simulator', file), content);
    const { code, lines } = await failure(run());
    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringContaining(file.split('/')[0] ?? '')]);
  });

  it('explains a folder that is a file in one line', async () => {
    mkdirSync(join(folder, 'x'));
    writeFileSync(join(folder, 'x', 'simulator'), '');
    const { code, lines } = await failure(run({ JOBBER_TOKENS_FOLDER: join(folder, 'x') }));
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
  });

  it.each([
    [{ PORT: 'eighty' }, [], 'PORT must be a number'],
    [{ JOBBER_CLIENT_ID: 'x' }, [], 'set both JOBBER_CLIENT_ID and JOBBER_CLIENT_SECRET'],
    [
      {
        JOBBER_CLIENT_ID: 'x',
        JOBBER_CLIENT_SECRET: 'y',
        JOBBER_BASE_URL: 'http://localhost:3001',
      },
      [],
      'JOBBER_BASE_URL is not an https URL',
    ],
    [{ JOBBER_BASE_URL: 'https://example.com' }, [], 'set both'],
    [{}, ['--dmeo'], '--demo'],
  ])('explains %j %j in one line', async (environment, args, message) => {
    const { code, lines } = await failure(run(environment as Record<string, string>, ...args));
    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringContaining(message)]);
  });

  it('does not care whose AWS profile the terminal is set to', async () => {
    const child = run({ AWS_PROFILE: 'production', AWS_USE_FIPS_ENDPOINT: 'true' });
    const [{ url }] = (await once(child, 'message')) as [{ url: string }];
    expect((await fetch(`${url}/_local/state`)).status).toBe(200);
  });

  it('talks to another server that speaks the same when it is given credentials', async () => {
    const simulator = run();
    const [{ jobberUrl }] = (await once(simulator, 'message')) as [{ jobberUrl: string }];
    const child = run({
      JOBBER_CLIENT_ID: 'simulated-client',
      JOBBER_CLIENT_SECRET: 'simulated-secret',
      JOBBER_BASE_URL: jobberUrl,
      JOBBER_BASE_URL_HTTP: 'allow',
    });
    const [{ url, pageKey }] = (await once(child, 'message')) as [{ url: string; pageKey: string }];
    const response = await fetch(`${url}/oauth/connect`, { redirect: 'manual' });
    expect(response.headers.get('location')).toContain(`${jobberUrl}/api/oauth/authorize`);
    // What could disconnect a real customer is for whoever sees the output of this start.
    expect((await fetch(`${url}/_local/state`)).status).toBe(403);
    const state = async (key: string) =>
      (await fetch(`${url}/_local/state`, { headers: { 'x-local-key': key } })).status;
    expect(await state('guessed')).toBe(403);
    expect(await state(pageKey)).toBe(200);
  });
});

describe('npm start -- --demo', { timeout: 120_000 }, () => {
  it('makes its tour and finds everything as it should be', async () => {
    const child = run({}, '--demo');
    const output = await text(child.stdout as NonNullable<typeof child.stdout>);
    expect(output.trim().split('\n').at(-1)).toBe('demo: OK');
    expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(0);
  });
});
