import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { node20 } from '../support/node-20.ts';
import { type PackedPackage, packedPackage } from '../support/packed-package.ts';

const run = promisify(execFile);

/** Synthesizes, and calls the client. */
const APP = `import { App, Stack } from 'aws-cdk-lib';
import { JobberTokens } from 'jobber-tokens';
import { jobberQuery } from 'jobber-tokens/client';
import { verifyConnectClaim } from 'jobber-tokens/connect-claim';
import { startJobberSimulator } from 'jobber-tokens/simulator';

const app = new App({ outdir: 'cdk.out' });
const stack = new Stack(app, 'Owner', { env: { region: 'us-east-1' } });
new JobberTokens(stack, 'Jobber', {
  clientId: 'client',
  returnToOrigins: ['https://app.example.com'],
  postConnectUrl: 'https://app.example.com/jobber',
});
app.synth();

async function main(): Promise<void> {
  const jobber = await startJobberSimulator();
  Object.assign(process.env, jobber.environment);
  const accountId = jobber.connect(430114);
  const query = 'query { account { name } }';
  const { account } = await jobberQuery<{ account: { name: string } }>(accountId, query);
  const options = { issuer: jobber.url, audience: 'https://app.example.com' };
  const claim = await verifyConnectClaim('no claim', options).catch((error) => error.code);
  console.log(account.name, claim);
  await jobber.close();
}
main();
`;
const SAID = 'Maple Street Plumbing invalid_connect_claim\n';

/** The examples of docs/testing.md, by their names. */
const examples = Object.fromEntries(
  [...readFileSync('docs/testing.md', 'utf8').matchAll(/```[jt]s\n\/\/ (\S+)\n(.*?)```/gs)].map(
    ([, name = '', text = '']) => [name, text],
  ),
);
const STACK_TEST = `const { App, Stack } = require('aws-cdk-lib');
const { Template } = require('aws-cdk-lib/assertions');
const { JobberTokens } = require('jobber-tokens');

test('deploys the functions', () => {
  const stack = new Stack(new App(), 'Owner', { env: { region: 'us-east-1' } });
  new JobberTokens(stack, 'Jobber', { clientId: 'client' });
  const functions = Template.fromStack(stack).findResources('AWS::Lambda::Function');
  expect(Object.keys(functions).length).toBeGreaterThanOrEqual(11);
});
`;
const HANDLER = `const { jobberQuery } = require('jobber-tokens/client');
exports.handler = async ({ accountId }) =>
  (await jobberQuery(accountId, 'query { account { name } }')).account.name;
`;

describe.skipIf(!node20)('a project on Node 20, where there is one on the PATH', () => {
  let packed: PackedPackage;
  beforeAll(async () => {
    packed = await packedPackage();
  }, 120_000);
  afterAll(() => packed?.remove());

  function project(name: string, files: Readonly<Record<string, string>>): string {
    const folder = join(packed.folder, name);
    mkdirSync(folder);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
    return folder;
  }
  /** Without anything on the PATH: no esbuild, no newer Node. */
  const on20 = (cwd: string, script: string, ...args: string[]) =>
    run(node20 ?? '', [join(packed.folder, 'node_modules', script), ...args], { cwd, env: {} });

  it('runs with tsx, as CommonJS', async () => {
    const folder = project('tsx', { 'package.json': '{ "type": "commonjs" }', 'app.ts': APP });
    expect((await on20(folder, 'tsx/dist/cli.mjs', 'app.ts')).stdout).toBe(SAID);
  });

  it('runs what tsc makes of it, as an ES module', async () => {
    const folder = project('tsc', {
      'package.json': '{ "type": "module" }',
      'app.ts': APP,
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          module: 'node16',
          target: 'es2022',
          strict: true,
          skipLibCheck: true,
          types: ['node'],
        },
      }),
    });
    await on20(folder, 'typescript/bin/tsc');
    expect((await run(node20 ?? '', ['app.js'], { cwd: folder, env: {} })).stdout).toBe(SAID);
  });

  it('runs its tests with jest', async () => {
    const folder = project('jest', {
      'package.json': '{ "type": "commonjs", "jest": { "transform": {} } }',
      'account-name.test.js': examples['account-name.test.js'] ?? '',
      'account-name.js': HANDLER,
      'stack.test.js': STACK_TEST,
    });
    const { stderr } = await on20(folder, 'jest/bin/jest.js', '--ci', '--no-watchman');
    expect(stderr).toMatch(/Tests: +2 passed, 2 total/);
  });

  it('writes an app', async () => {
    const folder = project('cli', {});
    await on20(folder, 'jobber-tokens/dist/cli/main.js', 'init', 'app');
  });
});
