import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { GetTokenResponse } from '../shared/client/contract.ts';
import { browser } from './browser.ts';
import { simulatorControl } from './jobber/control-client.ts';
import type { StampedeResult } from './page/stampede.ts';
import { ASSEMBLY } from './synthesize.ts';

interface Addresses {
  readonly url: string;
  readonly jobberUrl: string;
  readonly awsUrl: string;
  readonly environment: Readonly<Record<string, string>>;
}

interface Shown {
  readonly accountId: string;
  readonly accountName: string;
  readonly status: string;
  readonly statusReason?: string;
  readonly rotation: number;
  readonly ref?: string;
}

const MAPLE = 430114;
const NORTHWIND = 518027;
/** Since the restart. */
const LIFE = ['disconnected', 'established', 'disconnected', 'established'];

/** The tour: starts the system as a process of its own and uses it from outside, as a browser and an SDK do. */
export async function runDemo(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'jobber-tokens-demo-'));
  const seen: { step: string; saw: string; ok: boolean }[] = [];
  const check = (step: string, saw: string, ok: boolean) => {
    seen.push({ step, saw, ok });
    process.stdout.write(`${ok ? '  ok ' : ' NOT '} ${step.padEnd(60)} ${saw}\n`);
  };
  let system = await start(folder);

  /** By a link; disconnected there, and here; reconnected each time. */
  async function lifeOf(at: Addresses, maple: Shown): Promise<void> {
    const gone = (reason: string) =>
      eventually(at, maple, ({ statusReason }) => statusReason === reason);
    await act(at, 'disconnect', maple);
    const there = await gone('disconnected_in_jobber');
    check('a disconnect in Jobber comes by webhook', there.statusReason ?? '', isEnded(there));

    const { ref, url } = (await act(at, 'link')) as { ref: string; url: string };
    await browser().connect(url, MAPLE);
    const back = await eventually(at, maple, ({ status }) => status === 'active');
    check('a connect link brings it back', `ref ${back.ref}`, back.ref === ref);

    await act(at, 'end', maple);
    const here = await gone('disconnected_by_app');
    check('a disconnect from our side ends it at Jobber', here.statusReason ?? '', isEnded(here));
    await browser().connect(`${at.url}/_local/connect`, MAPLE);

    const events = await eventsOf(at, maple);
    check('each change was an event', events.join(', '), events.join() === LIFE.join());
  }
  try {
    for (const account of [MAPLE, NORTHWIND]) {
      const page = await browser().connect(`${system.url}/_local/connect`, account);
      check(
        `account ${account} connects through the redirects`,
        title(page),
        /is connected/.test(page),
      );
    }
    const [maple, northwind] = (await connections(system)) as [Shown, Shown];

    const first = await getToken(system, maple.accountId);
    check('another Lambda asks for a token', describe(first), first.ok);

    await act(system, 'expire', maple);
    const rush = (await act(system, 'stampede', maple)) as StampedeResult & { redemptions: number };
    check(
      'its token expires; 200 callers in 4 processes',
      `${rush.served} served, ${rush.distinctTokens} token, ${rush.redemptions} redemption`,
      rush.served === 200 && rush.distinctTokens === 1 && rush.redemptions === 1,
    );

    const jobber = simulatorControl(system.jobberUrl);
    await jobber.changeSettings({ clientsPerAccount: 300 });
    await act(system, 'sync', maple);
    await act(system, 'expire', maple);
    await jobber.pushFaults({ kind: 'throttled', requested: 1_003, available: 953 });
    const { rotation } = await eventually(system, maple, () => true);
    const { copied } = (await act(system, 'sync', maple)) as { copied: number };
    const synced = await eventually(system, maple, () => true);
    check(
      'a Lambda copies all clients, through a throttling and a 401',
      `${copied} clients, ${synced.rotation - rotation} refresh`,
      copied === 300 && synced.rotation === rotation + 1,
    );

    await act(system, 'expire', northwind);
    const { queued } = (await act(system, 'sweep')) as { queued: number };
    const rotated = await eventually(system, northwind, ({ rotation }) => rotation === 1);
    check(
      'a sweep rotates the rest',
      `${queued} queued, rotation ${rotated.rotation}`,
      queued === 2 && rotated.rotation === 1,
    );

    const before = await connections(system);
    await stop(system.child);
    system = await start(folder);
    const after = await connections(system);
    const kept = JSON.stringify(after) === JSON.stringify(before);
    check(
      'a restart keeps everything',
      `${after.length} connections, ${kept ? 'unchanged' : 'changed'}`,
      kept,
    );

    await act(system, 'expire', maple);
    const used = (await act(system, 'token', maple)) as { ok: boolean };
    check(
      'and the next refresh works',
      used.ok ? 'a new token, accepted by the API' : 'no token',
      used.ok,
    );

    await act(system, 'revoke', northwind);
    await act(system, 'expire', northwind);
    const refused = await getToken(system, northwind.accountId);
    check(
      'an admin disconnects in Jobber, the webhook is lost',
      `the first refusal is not believed: ${describe(refused)}`,
      !refused.ok && refused.error.code === 'rotation_in_doubt',
    );
    await act(system, 'expire', northwind);
    const revoked = await getToken(system, northwind.accountId);
    const ended = await eventually(system, northwind, ({ status }) => status !== 'active');
    check(
      'an hour later it is refused again',
      `${describe(revoked)}, stored as ${ended.status} (${ended.statusReason})`,
      !revoked.ok &&
        revoked.error.code === 'reconnect_required' &&
        ended.status === 'reconnect_required' &&
        ended.statusReason === 'revoked',
    );
    await lifeOf(system, maple);
    const others = await getToken(system, maple.accountId);
    check('and connects once more', describe(others), others.ok);
  } catch (error) {
    check('the tour goes on to its end', (error as Error).message, false);
  } finally {
    await stop(system.child);
    await rm(folder, { recursive: true, force: true });
  }
  const ok = seen.every((each) => each.ok);
  process.stdout.write(
    ok
      ? '\ndemo: OK\n'
      : `\ndemo: ${seen.filter((each) => !each.ok).length} of ${seen.length} steps differed\n`,
  );
  return ok;
}

async function start(folder: string): Promise<Addresses & { child: ChildProcess }> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => name === ASSEMBLY || !/^(AWS|JOBBER)_/.test(name),
    ),
  );
  const child = fork(new URL('./main.ts', import.meta.url), {
    env: { ...env, PORT: '0', JOBBER_TOKENS_FOLDER: folder },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error('the system did not start');
  });
  const [addresses] = (await Promise.race([once(child, 'message'), ended])) as [Addresses];
  ended.catch(() => undefined);
  return { ...addresses, child };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  await exited;
}

async function connections({ url }: Addresses): Promise<Shown[]> {
  const response = await fetch(`${url}/_local/state`);
  return ((await response.json()) as { connections: Shown[] }).connections;
}

const isEnded = ({ status }: Shown) => status === 'disconnected';

/** Oldest first, in a word each. */
async function eventsOf({ url }: Addresses, { accountName }: Shown): Promise<string[]> {
  for (let attempt = 0; ; attempt++) {
    const { log } = (await (await fetch(`${url}/_local/state`)).json()) as {
      log: { text: string }[];
    };
    const types = log.flatMap(({ text }) => {
      const [, type, name] = /^Event: connection\.(\w+), ([^,]+)/.exec(text) ?? [];
      return type && name === accountName ? [type] : [];
    });
    if (types.length >= LIFE.length || attempt === 100) return types.reverse();
    await delay(50);
  }
}

async function eventually(
  system: Addresses,
  { accountId }: Shown,
  holds: (connection: Shown) => boolean,
): Promise<Shown> {
  for (let attempt = 0; ; attempt++) {
    const found = (await connections(system)).find((each) => each.accountId === accountId) as Shown;
    if (holds(found) || attempt === 100) return found;
    await delay(50);
  }
}

async function act({ url }: Addresses, action: string, connection?: Shown): Promise<unknown> {
  const response = await fetch(`${url}/_local/${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ accountId: connection?.accountId, name: connection?.accountName }),
  });
  if (!response.ok) throw new Error(`${action}: ${await response.text()}`);
  return response.json();
}

async function getToken(
  { awsUrl, environment }: Addresses,
  accountId: string,
): Promise<GetTokenResponse> {
  const client = new LambdaClient({
    endpoint: awsUrl,
    region: environment['AWS_REGION'] ?? '',
    credentials: {
      accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  });
  try {
    const { Payload } = await client.send(
      new InvokeCommand({ FunctionName: 'get-token', Payload: JSON.stringify({ accountId }) }),
    );
    return JSON.parse(new TextDecoder().decode(Payload)) as GetTokenResponse;
  } finally {
    client.destroy();
  }
}

const describe = (answer: GetTokenResponse) =>
  answer.ok
    ? `a token for ${Math.round((answer.expiresAt - Date.now() / 1000) / 60)} min`
    : answer.error.code;

const title = (page: string) => /<title>(.*?)<\/title>/.exec(page)?.[1] ?? 'no page';
