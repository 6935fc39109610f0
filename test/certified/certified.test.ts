import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Assembly, synthesize } from '../../local/synthesize.ts';
import { UNHARMED } from './outcome.ts';
import { outage, slowAnswers } from './situations.ts';

let assembly: Assembly;
beforeAll(async () => {
  assembly = await synthesize();
}, 180_000);
afterAll(() => assembly.remove());

describe.concurrent('a certified server that ends a grant whose refresh token is used twice', () => {
  it('ends none while the table refuses STORE for 12 s', { timeout: 180_000 }, async () => {
    const fault = { kind: 'error 500', scope: 'stores', share: 1 } as const;
    const report = await outage(assembly.folder, fault, 12);
    expect(report, report.numbers).toMatchObject(UNHARMED);
  });

  it('ends none while it answers refreshes after 16 s', { timeout: 180_000 }, async () => {
    const report = await slowAnswers(assembly.folder, 16);
    expect(report, report.numbers).toMatchObject(UNHARMED);
  });
});
