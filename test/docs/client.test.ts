import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as errors from '../../shared/client/errors.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';
import { type PackedPackage, packedPackage } from '../support/packed-package.ts';

const text = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8');
const examples = new Map(
  [...text.matchAll(/```ts\n\/\/ (\S+)\n(.*?)```/gs)].map(([, name = '', code = '']) => [
    name,
    code,
  ]),
);
const accountId = idOf(MAPLE);
const context = { getRemainingTimeInMillis: () => 20_000 };

/** What each example answers for an account with 250 clients. */
const answers: Record<string, unknown> = {
  'account-name.ts': 'Maple Street Plumbing',
  'find-clients.ts': ['Company 1', 'First 2 Last 2', 'First 3 Last 3'],
  'create-client.ts': 'input.firstName: A first name, a last name or a company name is required',
  'emails.ts': 250,
  'tell-errors-apart.ts':
    'Jobber says: The field jobs on an object of type Query was hidden due to permissions',
  'connect-and-disconnect.ts': expect.stringContaining('/oauth/connect?link='),
  'two-apps.ts': true,
  'own-request.ts': 200,
  'in-time.ts': { account: { name: 'Maple Street Plumbing' } },
  'who-has-connected.ts': `Use Maple Street Plumbing (${accountId})?`,
};

describe('docs/client.md', () => {
  let system: TestSystem;
  let packed: PackedPackage;
  let connection: string | undefined;
  beforeAll(async () => {
    packed = await packedPackage();
    for (const [name, code] of examples) writeFileSync(join(packed.folder, name), code);
    system = await testSystem();
    system.simulator.settings.clientsPerAccount = 250;
    process.env['POST_CONNECT_URL'] = 'https://app.example.com/jobber';
    process.env['CONNECT_ISSUER'] = system.url;
    process.env['SCHEDULING_GET_TOKEN_FUNCTION'] = 'get-token';
    process.env['INVOICING_GET_TOKEN_FUNCTION'] = 'get-token';
    const page = await system.connectFromMarketplace(MAPLE);
    connection = /[?;]connection=([^"&]+)/.exec(page)?.[1];
  }, 60_000);
  afterAll(async () => {
    await system?.close();
    packed?.remove();
  });

  it('has examples, and each TypeScript block is one', () => {
    expect([...examples.keys()]).toEqual(Object.keys(answers));
    expect(text.match(/```ts/g)).toHaveLength(examples.size);
  });

  it('has examples that a strict project takes', async () => {
    expect(await packed.check(...examples.keys())).toBe('');
  }, 60_000);

  it.each(Object.entries(answers))(
    '%s works, bundled, in the local system',
    async (name, answer) => {
      const { handler } = await import(await packed.bundle(name));
      expect(connection).toBeDefined();
      const event = { accountId, connection, customerId: 'customer-7' };
      expect(await handler(event, context)).toEqual(answer);
    },
  );

  it('lists every error class with its code', () => {
    const classes = Object.values(errors).filter((each) => each !== errors.JobberError);
    expect(classes.length).toBeGreaterThan(10);
    for (const { name } of classes) expect(text).toContain(`| \`${name}\` |`);
    for (const [, code] of readFileSync('shared/client/errors.ts', 'utf8').matchAll(
      /readonly code = '(\w+)'/g,
    ))
      expect(text).toContain(`| \`${code}\` |`);
  });
});
