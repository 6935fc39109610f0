import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionNames } from '../../build/bundle.ts';
import { type PackedPackage, packedPackage } from '../support/packed-package.ts';

describe('the bundle of the client', () => {
  it('is under 60 KB besides the Lambda client, and holds no CDK, DynamoDB or token protocol', async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: ['shared/client/index.ts'],
      bundle: true,
      minify: true,
      platform: 'node',
      format: 'cjs',
      target: 'node24',
      mainFields: ['module', 'main'],
      external: ['@aws-sdk/client-lambda'],
      metafile: true,
      write: false,
    });
    expect(outputFiles[0]?.contents.length).toBeLessThan(60_000);
    const [output] = Object.values(metafile.outputs);
    const bundled = Object.keys(output?.inputs ?? {}).join('\n');
    expect(bundled).toContain('lru-cache');
    expect(bundled).not.toMatch(/dynamodb|aws-cdk|powertools|zod|shared\/tokens/);
    expect(output?.imports.map(({ path }) => path).filter((path) => !/^node:/.test(path))).toEqual([
      '@aws-sdk/client-lambda',
    ]);
  });
});

const USE = `
import { parse } from 'graphql';
import type { TypedDocumentNode, DocumentTypeDecoration } from '@graphql-typed-document-node/core';
import { type AnyJobberError, type Connection, jobberQuery, paginate } from 'jobber-tokens/client';
import { verifyConnectClaim } from 'jobber-tokens/connect-claim';

interface Data { clients: Connection & { nodes: { id: string }[] } }
interface Variables { first: number; after?: string | null }
declare const generated: TypedDocumentNode<Data, Variables>;
declare class TypedDocumentString<R, V> extends String implements DocumentTypeDecoration<R, V> {
  __apiType?: NonNullable<DocumentTypeDecoration<R, V>['__apiType']>;
}
declare const text: TypedDocumentString<Data, Variables>;

export async function use(): Promise<string> {
  const { clients } = await jobberQuery('a', generated, { first: 1 });
  const id: string | undefined = clients.nodes[0]?.id;
  (await jobberQuery('a', text, { first: 1 })).clients.pageInfo.hasNextPage;
  await jobberQuery('a', parse('{ a }'));
  await jobberQuery('a', '{ a }', undefined, { operationName: 'x' });
  for await (const page of paginate('a', generated, { first: 1 }, (data) => data.clients)) page.nodes;
  const ofText = ({ clients }: Data) => clients;
  await jobberQuery<Data>('a', '{ a }', { whatever: 1 });
  for await (const page of paginate('a', '{ a }', { first: 1 }, ofText)) page.pageInfo;
  // @ts-expect-error the variables are missing
  await jobberQuery('a', generated);
  // @ts-expect-error a variable has another type
  await jobberQuery('a', text, { first: '1' });
  // @ts-expect-error there is no such variable
  await jobberQuery('a', generated, { first: 1, aftr: 'x' });
  // @ts-expect-error there is no such variable
  await jobberQuery('a', text, { first: 1, aftr: 'x' });
  // @ts-expect-error the result has no jobs
  (await jobberQuery('a', generated, { first: 1 })).jobs;
  // @ts-expect-error what a plain string answers is unknown
  (await jobberQuery('a', '{ a }')).a;
  // @ts-expect-error the nodes are no connection
  paginate('a', generated, { first: 1 }, (data) => data.clients.nodes);
  return id ?? '';
}

// What an arrow function returns keeps its type.
export const ofNode = async () => jobberQuery('a', generated, { first: 1 });
export const ofText = async () => jobberQuery('a', text, { first: 1 });
export const nodes = async () => [(await ofNode()).clients.nodes, (await ofText()).clients.nodes];
// @ts-expect-error a variable has another type
export const wrong = async () => jobberQuery('a', generated, { first: '1' });
// @ts-expect-error a variable has another type
export const wrongToo = async () => jobberQuery('a', text, { first: '1' });

export const accountOf = async (claim: string): Promise<string> =>
  (await verifyConnectClaim(claim, { issuer: 'https://a.example', audience: 'https://b.example' })).accountId;

export function seconds(error: AnyJobberError): number {
  switch (error.code) {
    case 'throttled':
    case 'too_many_requests':
      return error.retryAfterSeconds;
    // @ts-expect-error there is no such code
    case 'misspelt':
      return 0;
    default:
      return 0;
  }
}
`;

describe('the packed package', () => {
  let packed: PackedPackage;
  beforeAll(async () => {
    packed = await packedPackage();
  }, 60_000);
  afterAll(() => packed?.remove());

  it('holds what is built, and nothing else of the repository', () => {
    const others = packed.files.filter(
      (path) =>
        !/^dist\/(?:esm|cjs)\/(?:infra|functions|shared|local\/jobber)\/.*\.(?:js|d\.ts)$/.test(
          path,
        ) &&
        !/^dist\/(?:esm|cjs)\/local\/(?:listen|one-clear-line)\.(?:js|d\.ts)$/.test(path) &&
        !/^dist\/cli\/(?:template\/|[\w-]+\.(?:js|html|css)$)/.test(path),
    );
    expect(others.sort()).toEqual(
      [
        'LICENSE',
        'README.md',
        'package.json',
        'dist/cjs/package.json',
        'dist/functions/package.json',
        ...functionNames.flatMap((name) => [
          `dist/functions/${name}/index.js`,
          `dist/functions/${name}/index.js.map`,
        ]),
      ].sort(),
    );
    expect(packed.bytes).toBeLessThan(3_000_000);
  });

  it('gives a strict project the types of its documents, and refuses what does not fit them', async () => {
    writeFileSync(join(packed.folder, 'use.ts'), USE);
    expect(await packed.check('use.ts')).toBe('');
  }, 60_000);

  it('gives the same to a project of CommonJS', async () => {
    const folder = join(packed.folder, 'commonjs');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }');
    writeFileSync(join(folder, 'use.ts'), USE);
    expect(await packed.check('commonjs/use.ts')).toBe('');
  }, 60_000);

  const uses = ['client', 'connect-claim', 'simulator'].map((name) => `jobber-tokens/${name}`);
  it.each([
    [
      'imported',
      'module',
      `import * as a from '${uses[0]}'; import * as b from '${uses[1]}'; import * as c from '${uses[2]}'; console.log(typeof a.paginate, typeof b.verifyConnectClaim, typeof c.startJobberSimulator)`,
    ],
    [
      'required',
      'commonjs',
      `console.log(typeof require('${uses[0]}').paginate, typeof require('${uses[1]}').verifyConnectClaim, typeof require('${uses[2]}').startJobberSimulator)`,
    ],
  ])('is %s by plain Node, without any environment', (_, type, script) => {
    // No ES module may be required: jest cannot, nor can Node 20 before 20.19.
    const options = [`--input-type=${type}`, '--no-experimental-require-module', '-e', script];
    const run = execFileSync(process.execPath, options, {
      cwd: packed.folder,
      env: { PATH: process.env['PATH'] },
    });
    expect(run.toString()).toBe('function function function\n');
  });
});
