import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { environmentFile } from '../../local/environment-file.ts';
import { close, listen } from '../../local/listen.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';

/** An account for each test: get-token still has the token that an earlier test was given. */
const [REJECTED, REJECTED_TWICE, DISCONNECTED] = [700_001, 700_002, 700_003];
const folder = new URL('../../examples/python', import.meta.url).pathname;

/** The first Python that has boto3. Debian's comes first: another one in the PATH does not see Debian's boto3. */
const python = ['/usr/bin/python3', 'python3'].map(withBoto3).find((path) => path !== undefined);

/** @returns the path of the program */
function withBoto3(program: string): string | undefined {
  try {
    const script = 'import boto3, sys; print(sys.executable)';
    return execFileSync(program, ['-c', script], { stdio: 'pipe' }).toString().trim();
  } catch {
    return undefined;
  }
}

/** As Lambda does: says how the handler ended, and what an exception would write to the log. */
const RUN = `
import json, sys, traceback
sys.path.insert(0, sys.argv[1])
import handler
try:
    result = {"answer": handler.handler(json.loads(sys.argv[2]), None)}
except handler.GetTokenError as error:
    result = {"code": error.code, "message": error.message, "retryable": error.retryable}
    traceback.print_exc()
except Exception as error:
    result = {"class": type(error).__name__}
    traceback.print_exc()
print(json.dumps(result))
`;

interface Invocation {
  readonly request: { accountId: string; rejectedToken?: string };
  readonly response: { ok: boolean; accessToken?: string };
}

describe.skipIf(!python)('examples/python (skipped where no python3 has boto3)', () => {
  let system: TestSystem;
  let invocations: Invocation[] = [];
  /** What an invocation of get-token fails with. */
  let failure: unknown;
  /** Before the local system's Lambda: sees what get-token is asked, and what it answers. */
  const lambda = createServer(async (request, response) => {
    const body = await text(request);
    const { authorization = '' } = request.headers;
    const answer = failure
      ? JSON.stringify(failure)
      : await invoke(request.url ?? '', authorization, body);
    invocations.push({ request: JSON.parse(body), response: JSON.parse(answer) });
    if (failure) response.setHeader('x-amz-function-error', 'Unhandled');
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
  });
  let lambdaUrl: string;

  beforeAll(async () => {
    system = await testSystem();
    lambdaUrl = `http://127.0.0.1:${await listen(lambda, 0)}`;
  });
  afterAll(async () => {
    await close(lambda);
    await system?.close();
  });
  beforeEach(() => {
    invocations = [];
    failure = undefined;
    system.simulator.faults.clear();
  });

  async function invoke(path: string, authorization: string, body: string): Promise<string> {
    const headers = { authorization };
    return (await fetch(`${system.awsUrl}${path}`, { method: 'POST', headers, body })).text();
  }

  /** In a process that has the variables of the local system alone. */
  async function run(account: number, more: Record<string, string> = {}): Promise<unknown> {
    const { stdout, stderr } = await promisify(execFile)(
      python ?? '',
      ['-B', '-c', RUN, folder, JSON.stringify({ accountId: idOf(account) })],
      { env: { ...system.environment, AWS_ENDPOINT_URL_LAMBDA: lambdaUrl, ...more } },
    );
    for (const { request, response } of invocations)
      for (const token of [request.rejectedToken, response.accessToken])
        if (token) expect(stdout + stderr).not.toContain(token);
    return JSON.parse(stdout);
  }

  /** Jobber rejects the access token, which is old enough for get-token to believe that. */
  async function reject(account: number): Promise<void> {
    const item = await system.item(idOf(account));
    await system.put({ ...item, refreshedAt: Number(item?.['refreshedAt']) - 120 });
    system.simulator.expireAccessTokens(account);
  }

  it('answers the name of the account', async () => {
    await system.connect(MAPLE);
    expect(await run(MAPLE)).toEqual({ answer: 'Maple Street Plumbing' });
    expect(invocations.map(({ request }) => request)).toEqual([{ accountId: idOf(MAPLE) }]);
  });

  it('runs with the commands of its README', async () => {
    await system.connect(MAPLE);
    const readme = readFileSync(join(folder, 'README.md'), 'utf8');
    const [, commands = ''] = /```sh\n(.*?)```/s.exec(readme) ?? [];
    const home = mkdtempSync(join(tmpdir(), 'jobber-tokens-test-'));
    onTestFinished(() => rmSync(home, { recursive: true }));
    mkdirSync(join(home, '.local/simulator'), { recursive: true });
    environmentFile(join(home, '.local/simulator'), system.environment);
    symlinkSync(join(folder, '..'), join(home, 'examples'));
    writeFileSync(join(home, 'python3'), `#!/bin/sh\nexec '${python}' "$@"\n`, { mode: 0o755 });
    const { stdout } = await promisify(execFile)('sh', ['-euc', commands], {
      cwd: home,
      env: { PATH: `${home}:${process.env['PATH']}`, PYTHONDONTWRITEBYTECODE: '1' },
    });
    expect(stdout).toBe('Maple Street Plumbing\n');
  });

  it('asks for another token when Jobber rejects the first one, and answers with that', async () => {
    await system.connect(REJECTED);
    await reject(REJECTED);
    expect(await run(REJECTED)).toEqual({ answer: `Account ${REJECTED}` });
    expect(invocations).toHaveLength(2);
    const [first, second] = invocations;
    expect(second?.request.rejectedToken).toBe(first?.response.accessToken);
    expect(second?.response.accessToken).not.toBe(first?.response.accessToken);
  });

  it('tries only once more when Jobber rejects the second token as well', async () => {
    await system.connect(REJECTED_TWICE);
    await reject(REJECTED_TWICE);
    const status = { kind: 'status', path: 'graphql', status: 401, times: null } as const;
    system.simulator.faults.push(status);
    expect(await run(REJECTED_TWICE)).toEqual({ class: 'HTTPError' });
    expect(invocations).toHaveLength(2);
    expect(system.simulator.auditAccount(REJECTED_TWICE)).toMatchObject({ redemptions: 1 });
  });

  it('ends with reconnect_required when the account was disconnected in Jobber', async () => {
    await system.connect(DISCONNECTED);
    await reject(DISCONNECTED);
    system.simulator.disconnect(DISCONNECTED);
    // One refusal may be a mistake. A second one, later, is believed.
    expect(await run(DISCONNECTED)).toMatchObject({ code: 'rotation_in_doubt', retryable: true });
    await system.expire(DISCONNECTED);
    expect(await run(DISCONNECTED)).toEqual({
      code: 'reconnect_required',
      message: expect.stringMatching(/./),
      retryable: false,
    });
  });

  it('takes a failed invocation of get-token for an error that may pass', async () => {
    failure = { errorType: 'Error', errorMessage: 'What the function threw' };
    expect(await run(MAPLE)).toEqual({
      code: 'get_token_failed',
      message: 'Unhandled',
      retryable: true,
    });
  });

  it('sends its token to no server that a redirect leads to', async () => {
    await system.connect(MAPLE);
    const seen: (string | undefined)[] = [];
    const elsewhere = createServer((request, response) => {
      seen.push(request.headers.authorization);
      if (request.url === '/') response.end('{"data":{"account":{"name":"Elsewhere"}}}');
      else response.writeHead(302, { location: '/' }).end();
    });
    const baseUrl = `http://127.0.0.1:${await listen(elsewhere, 0)}`;
    expect(await run(MAPLE, { JOBBER_BASE_URL: baseUrl })).toEqual({ answer: 'Elsewhere' });
    await close(elsewhere);
    expect(seen).toEqual([expect.stringMatching(/^Bearer /), undefined]);
  });
});
