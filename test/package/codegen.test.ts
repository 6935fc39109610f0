import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import * as typedDocumentNode from '@graphql-codegen/typed-document-node';
import * as operations from '@graphql-codegen/typescript-operations';
import { printSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../local/jobber/graphql-schema.ts';
import { type PackedPackage, packedPackage } from '../support/packed-package.ts';

/** The generator's own copy: Vitest loads another one for the tests, and GraphQL takes no schema of another copy. */
const { buildSchema, parse }: typeof import('graphql') = createRequire(import.meta.url)('graphql');

const ACCOUNT = 'query Account { account { name } }';
const CLIENTS = `query Clients($first: Int!, $after: String) {
  clients(first: $first, after: $after) { nodes { id companyName } pageInfo { hasNextPage endCursor } }
}`;
const CREATE = `mutation Create($input: ClientCreateInput!) {
  clientCreate(input: $input) { client { id } userErrors { message path } }
}`;

/** Holds for each document below: the generator writes them all, and the last ones a person. */
const USE = `
import { jobberQuery, paginate } from 'jobber-tokens/client';
import {
  AccountDocument, ClientsDocument, CreateDocument, type ClientsQuery, type CreateMutation,
} from './graphql.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Answer<F extends (...parameters: never[]) => Promise<unknown>> = Awaited<ReturnType<F>>;

export async function inFunction() {
  return jobberQuery('a', ClientsDocument, { first: 1 });
}
export const inArrow = async () => jobberQuery('a', ClientsDocument, { first: 1, after: null });
export const created = async () => jobberQuery('a', CreateDocument, { input: { firstName: 'A' } });
export const types: [
  Same<Answer<typeof inFunction>, ClientsQuery>,
  Same<Answer<typeof inArrow>, ClientsQuery>,
  Same<Answer<typeof created>, CreateMutation>,
] = [true, true, true];

export const handler = async () => {
  const { clients } = await jobberQuery('a', ClientsDocument, { first: 1 });
  const companies: (string | null)[] = clients.nodes.map(({ companyName }) => companyName);
  for await (const page of paginate('a', ClientsDocument, { first: 1 }, (data) => data.clients))
    companies.push(...page.nodes.map(({ id }) => id));
  const { account } = await jobberQuery('a', AccountDocument);
  const name: string | undefined = account?.name;
  // @ts-expect-error the result has no jobs
  clients.jobs;
  return { companies, name };
};

// @ts-expect-error a variable has another type
export const wrong = async () => jobberQuery('a', ClientsDocument, { first: '1' });
// @ts-expect-error the variables are missing
export const missing = async () => jobberQuery('a', ClientsDocument);
// @ts-expect-error the input has no such field
export const unknownField = async () => jobberQuery('a', CreateDocument, { input: { nickname: 'A' } });
export async function wrongInFunction() {
  // @ts-expect-error a variable has another type
  await jobberQuery('a', ClientsDocument, { first: '1' });
}
`;

/** What the preset's function `graphql` finds is the same document. */
const USE_OF_FUNCTION = `
import { jobberQuery } from 'jobber-tokens/client';
import { graphql } from './gql.js';

const DOCUMENT = graphql(${JSON.stringify(CLIENTS)});
export const handler = async (): Promise<string | undefined> =>
  (await jobberQuery('a', DOCUMENT, { first: 1 })).clients.nodes[0]?.id;
// @ts-expect-error a variable has another type
export const wrong = async () => jobberQuery('a', DOCUMENT, { first: '1' });
`;

/** Without the generator: what docs/client.md shows. */
const WRITTEN = `
import type { Document } from 'jobber-tokens/client';

export interface ClientsQuery {
  clients: {
    nodes: { id: string; companyName: string | null }[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
  };
}
export interface CreateMutation { clientCreate: { client: { id: string } | null } }
export const AccountDocument: Document<{ account: { name: string } | null }, Record<string, never>> = '{ … }';
export const ClientsDocument: Document<ClientsQuery, { first: number; after?: string | null }> = '{ … }';
export const CreateDocument: Document<CreateMutation, { input: { firstName?: string } }> = '{ … }';
`;

/** Beside the documents, in the very file, TypeScript narrows a constant to what it was set to. */
const WRITTEN_IN_THE_FILE = `${WRITTEN}
${USE.replace(/import \{\n[^}]*\} from '.\/graphql.js';/, '')}`;

type Files = Record<string, string>;

const documents = [ACCOUNT, CLIENTS, CREATE].map((rawSDL, index) => ({
  location: `operation-${index}.graphql`,
  document: parse(rawSDL),
  rawSDL,
}));
const schemaText = printSchema(schema);
const input = { schema: parse(schemaText), schemaAst: buildSchema(schemaText), documents };

/** As `preset: 'client'` in a `codegen.ts`. */
async function clientPreset(config: object): Promise<Files> {
  const files = await preset.buildGeneratesSection({
    ...input,
    baseOutputDir: './',
    config: { useTypeImports: true, emitLegacyCommonJSImports: false, ...config },
    presetConfig: { fragmentMasking: false },
    plugins: [],
    pluginMap: {},
    pluginContext: {},
    documentTransforms: [],
  });
  const written = files.map(async (file) => [file.filename, await codegen(file)] as const);
  return { ...Object.fromEntries(await Promise.all(written)), 'use-function.ts': USE_OF_FUNCTION };
}

/** As the plugins, one after the other, that come without a preset. */
const plugins = async (): Promise<Files> => ({
  'graphql.ts': await codegen({
    ...input,
    filename: 'graphql.ts',
    config: { useTypeImports: true },
    plugins: [{ operations: {} }, { typedDocumentNode: {} }],
    pluginMap: { operations, typedDocumentNode },
  }),
});

describe('documents with types', () => {
  let packed: PackedPackage;
  const uses: string[] = [];

  beforeAll(async () => {
    packed = await packedPackage();
    const projects: Record<string, Files> = {
      'client-preset': await clientPreset({}),
      'client-preset-string': await clientPreset({ documentMode: 'string' }),
      'typed-document-node': await plugins(),
      written: { 'graphql.ts': WRITTEN },
    };
    for (const type of ['module', 'commonjs']) {
      for (const [name, files] of Object.entries(projects))
        write(join(type, name), { 'use.ts': USE, ...files });
      write(join(type, 'written-in-the-file'), { 'use.ts': WRITTEN_IN_THE_FILE });
      writeFileSync(join(packed.folder, type, 'package.json'), JSON.stringify({ type }));
    }
  });
  afterAll(() => packed?.remove());

  function write(folder: string, files: Files): void {
    for (const [file, content] of Object.entries(files)) {
      const path = join(packed.folder, folder, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      uses.push(join(folder, file));
    }
  }

  it.each(['typescript', 'typescript-5'] as const)(
    'keep the types of their results and variables in functions and arrow functions with %s',
    async (compiler) => {
      expect(await packed.checkWith(compiler, ...uses)).toBe('');
    },
  );
});
