import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFunction, functionNames } from '../../build/bundle.ts';
import type { FunctionName } from '../../functions/manifest.ts';
import { type LocalResources, readAssembly } from '../../local/assembly.ts';
import { bundledFunctions } from '../../local/bundled-functions.ts';
import { ASSEMBLY, type Assembly, synthesize } from '../../local/synthesize.ts';
import { encodeRotation, type SealedRotation } from '../../shared/tokens/escrow.ts';
import { idOf, MAPLE, NORTHWIND, type TestSystem, testSystem } from '../support/local-system.ts';
import { until } from '../support/until.ts';

const local: LocalResources = {
  TABLE_NAME: 'the table',
  APP_SECRET_ID: 'the app secret',
  SEALING_SECRET_ID: 'the sealing secret',
  SIGNING_SECRET_ID: 'the signing secret',
  REFRESH_QUEUE_URL: 'the refresh queue',
  ESCROW_QUEUE_URL: 'the escrow queue',
  PUBLIC_URL: 'https://example.com',
  EVENT_BUS_NAME: 'the bus',
};

interface ValidationReport {
  readonly pluginReports: readonly {
    readonly pluginName: string;
    readonly conclusion: string;
    readonly violations: readonly unknown[];
    readonly suppressedViolations: readonly { acknowledgedId: string; reason: string }[];
  }[];
}

/** The CDK CLI as a newcomer has it: no AWS account, no Docker, and here no network either. */
const NOWHERE = 'http://127.0.0.1:9';
const home = mkdtempSync(join(tmpdir(), 'jobber-tokens-home-'));
let assembly: Assembly;
beforeAll(async () => {
  assembly = await synthesize({
    PATH: process.env['PATH'],
    HOME: home,
    HTTPS_PROXY: NOWHERE,
    HTTP_PROXY: NOWHERE,
    AWS_EC2_METADATA_DISABLED: 'true',
  });
}, 180_000);
afterAll(() => {
  assembly.remove();
  rmSync(home, { recursive: true });
});

describe('the app as it is synthesized', () => {
  const read = <T>(file: string): T =>
    JSON.parse(readFileSync(join(assembly.folder, file), 'utf8'));

  it('violates no rule of cdk-nag’s AwsSolutions and Serverless', () => {
    const { pluginReports } = read<ValidationReport>('validation-report.json');
    expect(pluginReports.map(({ pluginName }) => pluginName)).toEqual([
      'AwsSolutions',
      'Serverless',
    ]);
    for (const { conclusion, violations } of pluginReports) {
      expect({ conclusion, violations }).toEqual({ conclusion: 'success', violations: [] });
    }
  });

  it('acknowledges these rules and no others, each for a reason', () => {
    const acknowledged = read<ValidationReport>('validation-report.json').pluginReports.flatMap(
      ({ suppressedViolations }) => suppressedViolations,
    );
    expect([...new Set(acknowledged.map(({ acknowledgedId }) => acknowledgedId))].sort()).toEqual([
      'AwsSolutions::AwsSolutions-APIG4',
      'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
      'AwsSolutions::AwsSolutions-SMG4',
      'AwsSolutions::AwsSolutions-SQS3',
      'Serverless::Serverless-LambdaAsyncFailureDestination',
      'Serverless::Serverless-LambdaDLQ',
      'Serverless::Serverless-LambdaEventSourceMappingDestination',
      'Serverless::Serverless-SQSRedrivePolicy',
    ]);
    for (const { reason } of acknowledged) expect(reason).toMatch(/^[A-Z].{20,}\.$/);
  });
});

describe('the app as it is deployed', () => {
  it.each(functionNames)('runs %s on this very Node', (name) => {
    const [major] = process.versions.node.split('.');
    const { environment } = readAssembly(assembly.folder, local)[name];
    expect(environment['AWS_EXECUTION_ENV']).toBe(`AWS_Lambda_nodejs${major}.x`);
  });

  it.each(functionNames)('has the bundle of %s that was measured', async (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-bundles-'));
    const { file } = await bundleFunction(name, folder);
    const deployed = readAssembly(assembly.folder, local)[name];
    expect(readFileSync(deployed.file).equals(readFileSync(file))).toBe(true);
    rmSync(folder, { recursive: true });
  });
});

describe('the functions as they are deployed', () => {
  let system: TestSystem;
  beforeAll(async () => {
    system = await testSystem({ assembly: assembly.folder });
  });
  afterAll(() => system.close());

  const rotationOf = async (account: number) =>
    (await system.connections()).find(({ accountId }) => accountId === idOf(account))?.rotation;

  it('connect an account and hand out its token', async () => {
    expect(await system.connect(MAPLE)).toContain('is connected');
    expect(await system.getToken({ accountId: idOf(MAPLE) })).toMatchObject({ ok: true });
  });

  it('publish the keys of their claims', async () => {
    const response = await fetch(`${system.url}/.well-known/jwks.json`);
    expect(await response.json()).toMatchObject({ keys: [{ kty: 'OKP', crv: 'Ed25519' }] });
  });

  it('sweep, queue and refresh', async () => {
    await system.connectExpired(NORTHWIND);
    expect(await system.sweep()).toEqual({ queued: 2, complete: true });
    await until(async () => (await rotationOf(NORTHWIND)) === 1);
  });

  it('take a rotation from the escrow', async () => {
    const before = await rotationOf(MAPLE);
    const TableName = process.env['TABLE_NAME'];
    const { Item } = await system.db.send(
      new GetCommand({ TableName, Key: { accountId: idOf(MAPLE) } }),
    );
    const redeemed = Item?.['refreshToken'] as Uint8Array;
    const successor = { ...Item, refreshToken: Buffer.concat([redeemed, Buffer.from('another')]) };
    const rotation = { accountId: idOf(MAPLE), redeemed, successor };
    const sqs = new SQSClient();
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: process.env['ESCROW_QUEUE_URL'],
        MessageBody: encodeRotation(rotation as unknown as SealedRotation),
      }),
    );
    sqs.destroy();
    await until(async () => (await rotationOf(MAPLE)) === Number(before) + 1);
  });

  it('make the tour of the demo', { timeout: 180_000 }, async () => {
    const main = new URL('../../local/main.ts', import.meta.url).pathname;
    const demo = spawn(process.execPath, [main, '--demo', '--bundled'], {
      env: { PATH: process.env['PATH'], [ASSEMBLY]: assembly.folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect((await text(demo.stdout)).trim().split('\n').at(-1)).toBe('demo: OK');
  });
});

describe('a template that is wrong', () => {
  // biome-ignore lint/suspicious/noExplicitAny: a template
  type Change = (properties: any, logicalIds: (type: string) => string[]) => void;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-changed-'));
    cpSync(assembly.folder, folder, { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Writes the template with the properties of a function changed. */
  function change(name: FunctionName, make: Change): void {
    const file = 'JobberTokens.template.json';
    const template = JSON.parse(readFileSync(join(assembly.folder, file), 'utf8'));
    const resources: [string, { Type: string; Properties: unknown; Metadata: unknown }][] =
      Object.entries(template.Resources);
    const [, found] =
      resources.find(([, { Type, Metadata }]) =>
        `${Type} ${JSON.stringify(Metadata)}`.match(`^AWS::Lambda::Function .*/${name}/Resource`),
      ) ?? [];
    make(found?.Properties, (type) =>
      resources.filter(([, { Type }]) => Type === type).map(([id]) => id),
    );
    writeFileSync(join(folder, file), JSON.stringify(template));
  }

  async function invokeGetToken() {
    const lambda = bundledFunctions(folder, { ...local, ...process.env }, {});
    return lambda.invoke('get-token', {}).finally(() => lambda.close());
  }

  it('is told by the function that misses a variable, though this process has it', async () => {
    process.env['ESCROW_QUEUE_URL'] = 'http://localhost/escrow';
    change('get-token', ({ Environment }) => {
      delete Environment.Variables.ESCROW_QUEUE_URL;
    });
    await expect(invokeGetToken()).rejects.toThrow('variable ESCROW_QUEUE_URL is not set');
  });

  it.each(['index.handle', 'main.handler'])('is told by its handler %s', async (handler) => {
    change('get-token', (properties) => {
      properties.Handler = handler;
    });
    await expect(invokeGetToken()).rejects.toThrow(/exports no function handle|Cannot find module/);
  });

  it('gives a function the resource that it names, right or wrong', () => {
    const variables = () => readAssembly(folder, local)['refresh-sweep'].environment;
    change('refresh-sweep', () => undefined);
    expect(variables()).toMatchObject({
      TABLE_NAME: 'the table',
      REFRESH_QUEUE_URL: 'the refresh queue',
    });
    change('refresh-sweep', ({ Environment }, logicalIds) => {
      const [escrow] = logicalIds('AWS::SQS::Queue').filter((id) => /escrowQueue/.test(id));
      const [secret] = logicalIds('AWS::SecretsManager::Secret');
      Environment.Variables.REFRESH_QUEUE_URL = { Ref: escrow };
      Environment.Variables.TABLE_NAME = { Ref: secret };
    });
    expect(variables()).toMatchObject({
      TABLE_NAME: expect.stringContaining('secret'),
      REFRESH_QUEUE_URL: 'the escrow queue',
    });
  });

  it.each([
    ['a queue that nobody reads', 'AWS::SQS::Queue', /DeadLetters/, 'Nobody receives'],
    ['what nothing stands for', 'AWS::KMS::Key', /./, 'Nothing on this machine stands for'],
  ])('is refused when it names %s', (_, type, id, message) => {
    change('refresh-sweep', ({ Environment }, logicalIds) => {
      Environment.Variables.REFRESH_QUEUE_URL = {
        Ref: logicalIds(type).find((each) => id.test(each)),
      };
    });
    expect(() => readAssembly(folder, local)).toThrow(message);
  });

  it('is refused when it lacks a function', () => {
    change('refresh-sweep', () => undefined);
    const file = join(folder, 'JobberTokens.template.json');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('/refresh-sweep/', '/sweep/'));
    expect(() => readAssembly(folder, local)).toThrow('no function refresh-sweep');
  });
});
