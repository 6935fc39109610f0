/*
 * A process of its own that runs everything which handles secrets, with all logging on, and then tells its
 * parent which secrets were about and what people saw. Its output is what the logs would hold.
 */
import { readFileSync } from 'node:fs';
import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { browser } from '../../local/browser.ts';
import { idOf, MAPLE, NORTHWIND, testSystem } from './local-system.ts';

export interface Everything {
  readonly secrets: string[];
  /** Pages, and answers that hold no token on purpose. */
  readonly shown: string[];
}

const secrets = new Set<string>(['simulated-secret']);
const shown: string[] = [];
const system = await testSystem();
const { simulator } = system;

await connect(MAPLE);
await connect(NORTHWIND);
await tokens();
await system.expire(MAPLE);
await system.sweep();
await rejected(MAPLE);
await system.expire(MAPLE);
shown.push(JSON.stringify(await system.invoke('sync-clients', { accountId: idOf(MAPLE) })));

// Before the faults, which open the circuit breaker.
simulator.disconnect(NORTHWIND);
for (const _ of ['refused', 'refused again']) {
  await system.expire(NORTHWIND);
  await tokens();
  await system.deliver('not JSON', JSON.stringify({ accountId: idOf(NORTHWIND) }));
}

const faults = ['wrong-secret', 'empty-200', 'html-200', 'drop-after', 'redirect'] as const;
const faulty = faults.map((_, index) => 710_000 + index);
for (const [index, kind] of faults.entries()) {
  const accountId = faulty[index] ?? 0;
  await connect(accountId);
  await system.expire(accountId);
  simulator.faults.push({ kind, times: null, accountId, path: 'token' });
}
await system.deliver(...faulty.map((account) => JSON.stringify({ accountId: idOf(account) })));
simulator.faults.clear();

for (const fault of ['refuse-code', 'wrong-secret', 'empty-200', 'drop-after'] as const) {
  simulator.faults.push({ kind: fault, path: 'token' });
  await connect(MAPLE);
  simulator.faults.clear();
}
for (const query of ['?error=access_denied', '?code=marked-code&state=marked-state']) {
  shown.push(await (await fetch(`${system.url}/oauth/callback${query}`)).text());
}
secrets.add('marked-code').add('marked-state');
shown.push(JSON.stringify(await system.getToken({ accountId: 7, rejectedToken: 'marked-token' })));
secrets.add('marked-token');

for (const secret of ['jobber-tokens-sealing', 'jobber-tokens-signing'])
  secrets.add(system.secrets.find(secret)?.value ?? '');
shown.push(await (await fetch(`${system.url}/_local/state`)).text());
await system.db.send(new DeleteTableCommand({ TableName: process.env['TABLE_NAME'] }));
await system.deliver(JSON.stringify({ accountId: idOf(MAPLE) }));

const state = readFileSync(`${system.folder}/jobber.json`, 'utf8');
for (const [token] of state.matchAll(/\b[\da-f]{32}\b/g)) secrets.add(token);
await system.close();
process.send?.({ secrets: [...secrets], shown } satisfies Everything);

async function connect(account: number): Promise<void> {
  const user = browser();
  const url = await user.decide(`${system.url}/_local/connect`, account);
  for (const name of ['code', 'state']) secrets.add(new URL(url).searchParams.get(name) ?? '');
  for (const [name, nonce] of user.cookies) if (name.startsWith('connect-')) secrets.add(nonce);
  shown.push(await (await user.get(url)).text());
}

async function tokens(): Promise<void> {
  for (const account of [MAPLE, NORTHWIND]) {
    const answer = await system.getToken({ accountId: idOf(account) });
    if (answer.ok) secrets.add(answer.accessToken);
    else shown.push(JSON.stringify(answer));
  }
}

async function rejected(account: number): Promise<void> {
  const answer = await system.getToken({ accountId: idOf(account) });
  if (!answer.ok) return;
  const { accessToken: rejectedToken } = answer;
  const renewed = await system.getToken({ accountId: idOf(account), rejectedToken });
  if (renewed.ok) secrets.add(renewed.accessToken);
  else shown.push(JSON.stringify(renewed));
}
