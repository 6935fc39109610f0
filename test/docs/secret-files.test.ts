import { execFileSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

/** Every command of the documentation, in order, with its lines put together. */
const commands = ['README.md', 'docs/deploying.md', 'docs/rotation.md', 'docs/client.md']
  .map((file) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'))
  .flatMap((text) => [...text.matchAll(/^```sh\n(.*?)^```/gms)])
  .flatMap(([, block = '']) => block.replaceAll('\\\n', '').trim().split('\n'));

/** The AWS CLI writes what a function answers to the file that is named last. */
const AWS = '#!/bin/sh\nfor file; do :; done\necho secret > "$file"\n';

it.each(['jobber-app.json', 'token.json', 'sealing-key.txt'])(
  'the documented command that writes %s keeps it from other users of the machine',
  (file) => {
    const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-docs-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'aws'), AWS, { mode: 0o755 });
    // A file, as not every command reads its input: a pipe that nobody reads may break.
    const input = join(folder, 'input');
    writeFileSync(input, '{}');
    const writes = commands.find((command) => command.includes(file)) ?? '';
    const placeholders = /<\w+>/g;
    execFileSync('sh', ['-c', `umask 022; ${writes.replaceAll(placeholders, 'x')}`], {
      cwd: folder,
      env: { PATH: `${folder}:${process.env['PATH']}` },
      stdio: [openSync(input, 'r'), 'ignore', 'inherit'],
    });
    expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  },
);
