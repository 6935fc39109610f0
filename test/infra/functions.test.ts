import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { type FunctionName, functions, READ_BY_ALL } from '../../functions/manifest.ts';
import { environment, type Variable } from '../../shared/runtime/environment.ts';
import { idOf, synthesize } from './support.ts';
import { resolver } from './template-arns.ts';

const synthesized = synthesize();
const { stack, template, properties } = synthesized;
const { resolve, arnOf } = resolver(synthesized);
const tokens = stack.jobberTokens;
const names = Object.keys(functions) as FunctionName[];

const environmentOf = (name: FunctionName) =>
  resolve<{ Variables: Record<string, string> }>(properties(tokens.functions[name])['Environment'])
    .Variables;

describe.each(names)('%s', (name) => {
  const { timeoutSeconds, memoryMB, reads } = functions[name];
  const fn = properties(tokens.functions[name]);

  it('is as in the manifest, on the runtime that its tests ran on', () => {
    expect(fn).toMatchObject({
      Runtime: `nodejs${process.versions.node.split('.')[0]}.x`,
      Architectures: ['arm64'],
      Timeout: timeoutSeconds,
      MemorySize: memoryMB,
    });
  });

  it('is traced, in no VPC, and has a log of its own that does not grow for ever', () => {
    expect(fn).toMatchObject({ TracingConfig: { Mode: 'Active' } });
    expect(fn).not.toHaveProperty('VpcConfig');
    const { logGroup } = tokens.functions[name];
    expect(fn).toMatchObject({ LoggingConfig: { LogGroup: { Ref: idOf(logGroup) } } });
    expect(properties(logGroup)).toEqual({ RetentionInDays: 90 });
  });

  it('is given what the manifest says, but for what is left to its default', () => {
    const defaults = [
      'JOBBER_BASE_URL',
      'JOBBER_GRAPHQL_VERSION',
      'KEEP_WARM_HOURS',
      'MANAGE_URL',
      'POST_CONNECT_URL',
      'RETURN_TO_ORIGINS',
    ];
    expect(Object.keys(environmentOf(name)).sort()).toEqual(
      [...READ_BY_ALL, ...reads].filter((variable) => !defaults.includes(variable)).sort(),
    );
  });

  it('reads what the manifest says', async () => {
    expect(await readBy(name)).toEqual([...READ_BY_ALL, ...reads].sort());
  });
});

describe('the environment', () => {
  const queueUrl = (id: string) => `https://sqs.us-east-1.amazonaws.com/111122223333/${id}`;

  it('says where everything is', () => {
    expect(Object.assign({}, ...names.map(environmentOf))).toEqual({
      TABLE_NAME: idOf(tokens.table),
      APP_SECRET_ID: arnOf(idOf(tokens.appSecret)),
      SEALING_SECRET_ID: arnOf(idOf(tokens.sealingSecret)),
      SIGNING_SECRET_ID: arnOf(idOf(tokens.signingSecret)),
      CLIENT_ID: 'client',
      REFRESH_QUEUE_URL: queueUrl(idOf(tokens.refreshQueue)),
      ESCROW_QUEUE_URL: queueUrl(idOf(tokens.escrowQueue)),
      PUBLIC_URL: `https://${idOf(tokens.httpFront.api)}.execute-api.us-east-1.amazonaws.com`,
      EVENT_BUS_NAME: idOf(tokens.eventBus),
      MARKETPLACE_CONNECT: 'allow',
      POWERTOOLS_SERVICE_NAME: 'JobberTokens',
    });
  });

  it('is all that there is: no function of the stack is missing in the manifest', () => {
    template.resourceCountIs('AWS::Lambda::Function', names.length);
  });
});

/** The variables behind the parts of `environment` that are left of a function once it is bundled. */
async function readBy(name: FunctionName): Promise<Variable[]> {
  const { outputFiles } = await build({
    entryPoints: [`functions/${name}.ts`],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  const used = new Set(
    [...(outputFiles[0]?.text ?? '').matchAll(/\benvironment\.(\w+)\(/g)].map(([, part]) => part),
  );
  return [...used].map((part) => variableOf(part as keyof typeof environment)).sort();
}

function variableOf(part: keyof typeof environment): Variable {
  const read: string[] = [];
  const own = process.env;
  process.env = new Proxy({}, { get: (_, variable) => void read.push(String(variable)) });
  try {
    environment[part]();
  } catch {
    // It is required.
  } finally {
    process.env = own;
  }
  return read[0] as Variable;
}
