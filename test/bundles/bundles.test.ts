import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, bundleFunction, functionNames } from '../../build/bundle.ts';
import type { FunctionName } from '../../functions/manifest.ts';
import { functionsFolder } from '../../infra/functions-folder.ts';
import { budgets } from './budgets.ts';
import { packages } from './packages.ts';

/* What has no business in a bundle: folders of ours, or packages. */
const DYNAMODB = '@aws-sdk/client-dynamodb';
const SECRETS = '@aws-sdk/client-secrets-manager';
const SQS = '@aws-sdk/client-sqs';
const SEALING = 'shared/tokens/sealing';
const JOBBER = 'shared/jobber/';
const PROTOCOL = 'shared/tokens/refresh';
const foreign: Record<FunctionName, readonly string[]> = {
  'oauth-connect': [SEALING, DYNAMODB, SQS, PROTOCOL, 'shared/tokens/connection-table', 'zod'],
  'oauth-callback': [SQS, PROTOCOL, 'zod'],
  jwks: [SEALING, DYNAMODB, SQS, PROTOCOL, 'zod'],
  'jobber-webhook': [SEALING, SQS, PROTOCOL, 'jose'],
  'create-connect-link': [SEALING, DYNAMODB, SQS, PROTOCOL],
  disconnect: ['shared/connect/', 'shared/tokens/sweep-index'],
  'publish-changes': [SEALING, JOBBER, PROTOCOL, SECRETS, DYNAMODB, SQS, 'jose'],
  'get-token': ['shared/connect/', 'shared/tokens/sweep-index'],
  'refresh-sweep': [SEALING, JOBBER, PROTOCOL, SECRETS, 'jose', 'zod'],
  'refresh-connection': ['shared/connect/', 'shared/tokens/sweep-index'],
  'save-rotation': [JOBBER, PROTOCOL, SECRETS, SQS, 'jose'],
};
const foreignToAll = [
  'aws-cdk-lib',
  'constructs',
  '@aws-lambda-powertools/tracer',
  'aws-xray-sdk',
  '@aws-sdk/nested-clients',
  '@aws-sdk/credential-provider-node',
  'zod/v4/classic',
  'zod/v3',
  'infra/',
  'local/',
  'test/',
];
/** With a second copy, a client of one would be given parts of the other, and twice the size. */
const onlyOnce = /^(@aws-sdk\/|@smithy\/|zod$|jose$)/;

describe.each(functionNames)('the bundle of %s', (name) => {
  let folder: string;
  let bundle: Bundle;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-bundles-'));
    bundle = await bundleFunction(name, folder);
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is what is deployed', () => {
    const deployed = readFileSync(join(functionsFolder(), name, 'index.js'));
    expect(deployed.equals(readFileSync(bundle.file))).toBe(true);
  });

  it('stays within its budget', () => {
    expect(bundle.bytes).toBeLessThanOrEqual(budgets[name]);
  });

  it('holds nothing that it has no business with', () => {
    const others = [...foreignToAll, ...foreign[name]];
    const isForeign = (path: string) =>
      others.some((part) => path.startsWith(part) || path.includes(`node_modules/${part}`));
    expect(bundle.modules.filter(isForeign)).toEqual([]);
    expect(bundle.modules).toContain(`functions/${name}.ts`);
  });

  it('holds one copy of each part of the SDK', () => {
    const names = packages(bundle)
      .map((path) => path.split('node_modules/').at(-1) ?? '')
      .filter((path) => onlyOnce.test(path));
    expect(names).toContain('@smithy/core');
    expect(names.filter((each, index) => names.indexOf(each) !== index)).toEqual([]);
  });
});
