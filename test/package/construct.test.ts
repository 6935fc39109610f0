import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionNames } from '../../build/bundle.ts';
import { functionsFolder } from '../../infra/functions-folder.ts';
import { installed, type PackedPackage, packedPackage } from '../support/packed-package.ts';

const APP = `
const app = new App({ outdir: 'cdk.out' });
const stack = new Stack(app, 'Owner', { env: { region: 'us-east-1' } });
const tokens = new JobberTokens(stack, 'Jobber', {
  clientId: 'client',
  appSecret: new Secret(stack, 'Secret'),
  tableKey: new Key(stack, 'Key'),
  replicas: [{ region: 'us-east-2', keyArn: 'arn:aws:kms:us-east-2:111122223333:key/0' }],
  witnessRegion: 'us-west-2',
  vpc: new Vpc(stack, 'Vpc'),
  functionProps: (name) => (name === 'get-token' ? { memorySize: 1024 } : {}),
});
new Monitoring(stack, 'Monitoring', tokens, {});
tokens.metricReconnects().createAlarm(stack, 'Alarm', { threshold: 1, evaluationPeriods: 1 });
new JobberTokensStack(app, 'WithoutRegion', { clientId: 'client' });
app.synth();
`;
const IMPORT = `import { App, Stack } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { JobberTokens, JobberTokensStack, Monitoring } from 'jobber-tokens';
`;
const REQUIRE = `const { App, Stack } = require('aws-cdk-lib');
const { Vpc } = require('aws-cdk-lib/aws-ec2');
const { Key } = require('aws-cdk-lib/aws-kms');
const { Secret } = require('aws-cdk-lib/aws-secretsmanager');
const { JobberTokens, JobberTokensStack, Monitoring } = require('jobber-tokens');
`;

/** The lowest versions that package.json asks for, under the names that npm gives them here, and the current ones. */
const VERSIONS = [
  ['the lowest CDK', { 'aws-cdk-lib': 'aws-cdk-lib-lowest', constructs: 'constructs-lowest' }],
  ['the current CDK', { 'aws-cdk-lib': 'aws-cdk-lib', constructs: 'constructs' }],
] as const;

describe('the lowest CDK of the tests', () => {
  it.each(['aws-cdk-lib', 'constructs'] as const)(
    'has the lowest %s that users may have',
    (name) => {
      const [[, lowest]] = VERSIONS;
      expect(manifestOf('.').peerDependencies?.[name]).toBe(
        `^${manifestOf(installed(lowest[name])).version}`,
      );
    },
  );
});

const manifestOf = (
  folder: string,
): { version: string; peerDependencies?: Record<string, string> } =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

describe.each(VERSIONS)('the construct of the packed package, with %s', (_version, packages) => {
  let packed: PackedPackage;
  beforeAll(async () => {
    packed = await packedPackage(packages);
  }, 60_000);
  afterAll(() => packed?.remove());

  it.each([
    ['an ES module', 'module', IMPORT],
    ['CommonJS', 'commonjs', REQUIRE],
  ])('is synthesized by an app of %s, without a bundler', async (_, type, head) => {
    const folder = join(packed.folder, type);
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
    writeFileSync(join(folder, 'app.js'), head + APP);
    const options = type === 'commonjs' ? ['--no-experimental-require-module'] : [];
    execFileSync(process.execPath, ['--preserve-symlinks', ...options, 'app.js'], {
      cwd: folder,
      env: { CDK_VALIDATION: 'false' },
    });
    const { Resources } = JSON.parse(
      readFileSync(join(folder, 'cdk.out/Owner.template.json'), 'utf8'),
    );
    const functions = Object.values(Resources as Record<string, { Type: string }>).filter(
      ({ Type }) => Type === 'AWS::Lambda::Function',
    );
    expect(functions.length).toBeGreaterThanOrEqual(functionNames.length);
    const assets = readdirSync(join(folder, 'cdk.out')).filter((name) => /^asset\./.test(name));
    const deployed = assets.map((name) =>
      readFileSync(join(folder, 'cdk.out', name, 'index.js'), 'utf8'),
    );
    for (const name of functionNames) {
      expect(deployed).toContain(readFileSync(join(functionsFolder(), name, 'index.js'), 'utf8'));
    }
  });

  it.each(['module', 'commonjs'])('has its types in a project of type %s', async (type) => {
    const folder = join(packed.folder, `types-${type}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
    writeFileSync(
      join(folder, 'app.ts'),
      `${IMPORT}${APP}
// @ts-expect-error there is no such property
tokens.misspelt;
`,
    );
    // The package's own declarations as well; against the current CDK, the repository's own check does that.
    const options = packages.constructs === 'constructs' ? [] : ['--skipLibCheck', 'false'];
    expect(await packed.check(`types-${type}/app.ts`, ...options)).toBe('');
  });
});
