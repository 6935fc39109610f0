import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionNames } from '../../build/bundle.ts';
import { functionsFolder } from '../../infra/functions-folder.ts';
import { type PackedPackage, packedPackage } from '../support/packed-package.ts';

const APP = `
const app = new App({ outdir: 'cdk.out' });
const stack = new Stack(app, 'Owner', { env: { region: 'us-east-1' } });
const tokens = new JobberTokens(stack, 'Jobber', { clientId: 'client' });
new Monitoring(stack, 'Monitoring', tokens, {});
app.synth();
`;
const IMPORT = `import { App, Stack } from 'aws-cdk-lib';
import { JobberTokens, Monitoring } from 'jobber-tokens';
`;
const REQUIRE = `const { App, Stack } = require('aws-cdk-lib');
const { JobberTokens, Monitoring } = require('jobber-tokens');
`;

describe('the construct of the packed package', () => {
  let packed: PackedPackage;
  beforeAll(async () => {
    packed = await packedPackage();
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
    execFileSync(process.execPath, [...options, 'app.js'], { cwd: folder, env: {} });
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
    expect(await packed.check(`types-${type}/app.ts`)).toBe('');
  });
});
