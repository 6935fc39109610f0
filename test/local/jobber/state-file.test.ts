import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { JobberSimulator } from '../../../local/jobber/simulator.ts';
import {
  ACCOUNT,
  ACCOUNT_QUERY,
  authorize,
  exchange,
  graphql,
  INVALID_REFRESH_TOKEN,
  refresh,
  refreshed,
  seen,
  simulate,
} from './support.ts';

function stateFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobber-simulator-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'state.json');
}

/** What a simulator would know that started now, as after the death of the first. */
async function afterDeath(file: string): Promise<JobberSimulator> {
  const copy = stateFile();
  writeFileSync(copy, readFileSync(file));
  return (await simulate({ stateFile: copy })).jobber;
}

test('accounts, grants, tokens, codes and counters survive a restart', async () => {
  const file = stateFile();
  const { jobber } = await simulate({ stateFile: file });
  const { accessToken, refreshToken } = jobber.issueGrant(430200);
  const { refresh_token: successor } = await refreshed(jobber, refreshToken);
  const code = await authorize(jobber);
  const before = jobber.audit();
  await jobber.close();

  const { jobber: restarted } = await simulate({ stateFile: file });

  expect(restarted.audit()).toEqual(before);
  expect((await graphql(restarted, accessToken)).status).toBe(200);
  expect((await exchange(restarted, code)).status).toBe(200);
  expect(await seen(await refresh(restarted, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
  expect((await refresh(restarted, successor)).status).toBe(200);
  expect(restarted.auditAccount(430200)).toMatchObject({ redemptions: 2, doubleRedemptions: 1 });
});

test('a redemption is in the file before its answer', async () => {
  const file = stateFile();
  const { jobber } = await simulate({ stateFile: file });
  const { refreshToken } = jobber.issueGrant(ACCOUNT);

  const { refresh_token: successor } = await refreshed(jobber, refreshToken);

  const survivor = await afterDeath(file);
  expect(survivor.auditAccount(ACCOUNT).liveRefreshTokens).toEqual([successor]);
});

test('every one of many redemptions at the same time is in the file before its answer', async () => {
  const file = stateFile();
  const { jobber } = await simulate({ stateFile: file });
  const tokens = Array.from({ length: 30 }, (_, i) => jobber.issueGrant(1000 + i).refreshToken);

  await Promise.all(
    tokens.map(async (token) => {
      const { refresh_token: successor } = await refreshed(jobber, token);
      expect(readFileSync(file, 'utf8')).toContain(successor);
    }),
  );
});

test('a redemption without an answer is in the file too', async () => {
  const file = stateFile();
  const { jobber } = await simulate({ stateFile: file });
  const { refreshToken } = jobber.issueGrant(ACCOUNT);
  jobber.faults.push({ kind: 'drop-after' });

  await refresh(jobber, refreshToken).catch(() => undefined);

  const survivor = await afterDeath(file);
  expect(survivor.auditAccount(ACCOUNT).redemptions).toBe(1);
});

test('codes, disconnections and actions of the control are in the file before their answer', async () => {
  const file = stateFile();
  const { jobber } = await simulate({ stateFile: file });
  const { accessToken } = jobber.issueGrant(ACCOUNT);
  const other = jobber.issueGrant(518027);
  const code = await authorize(jobber, 602391);
  await graphql(jobber, accessToken, 'mutation { appDisconnect { userErrors { message } } }');
  jobber.deactivate(518027);

  const survivor = await afterDeath(file);
  expect((await exchange(survivor, code)).status).toBe(200);
  expect((await seen(await graphql(survivor, accessToken, ACCOUNT_QUERY))).body.message).toContain(
    'disconnected',
  );
  expect(survivor.isAccessTokenLive(other.accessToken)).toBe(false);
});

test('a rolled client secret survives, until reset', async () => {
  const file = stateFile();
  const { jobber } = await simulate({ stateFile: file });
  jobber.rollClientSecret('rolled');

  expect((await afterDeath(file)).settings.clientSecret).toBe('rolled');
  jobber.reset();
  expect((await afterDeath(file)).settings.clientSecret).toBe('simulated-secret');
});

test('writing leaves nothing but the state file', async () => {
  const file = stateFile();
  const { jobber } = await simulate({ stateFile: file });
  await refreshed(jobber, jobber.issueGrant(ACCOUNT).refreshToken);
  expect(readdirSync(join(file, '..'))).toEqual(['state.json']);
});

test.each([
  ['half a file', '{"accounts":[{"id":43'],
  ['nothing', ''],
  ['other JSON', '{"accounts":[{"id":1}]}'],
  ['null', 'null'],
])('%s is an error that names the file', async (_, content) => {
  const file = stateFile();
  writeFileSync(file, content);
  await expect(simulate({ stateFile: file })).rejects.toThrow(
    `The state file ${file} of the Jobber simulator is corrupt.`,
  );
  expect(readFileSync(file, 'utf8')).toBe(content);
});

test('a file that cannot be read is an error that names it', async () => {
  const folder = join(stateFile(), '..');
  await expect(simulate({ stateFile: folder })).rejects.toThrow(`The state file ${folder}`);
});

test('a state that cannot be written is a 500, not an answer', async () => {
  const file = stateFile();
  const { jobber } = await simulate({ stateFile: file });
  const { refreshToken } = jobber.issueGrant(ACCOUNT);
  mkdirSync(`${file}.tmp`);

  const { status, body } = await seen(await refresh(jobber, refreshToken));

  expect(status).toBe(500);
  expect(body).toContain('The simulator failed: EISDIR');
  rmdirSync(`${file}.tmp`);
});
