import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Assembly, synthesize } from '../../local/synthesize.ts';
import type { TableFault } from '../chaos/table-proxy.ts';
import { UNHARMED } from './outcome.ts';
import { outage, type Report, slowAnswers } from './situations.ts';

/* For `npm run certified`: `npm test` has no time for it. */

const refusesStore: TableFault = { kind: 'error 500', scope: 'stores', share: 1 };
const isGone: TableFault = { kind: 'dropped', scope: 'all', share: 1 };
const isSilent: TableFault = { kind: 'no answer', scope: 'all', share: 1 };

/** The longest first: the systems start one after the other. */
const OUTAGES = [
  { what: 'refuses STORE', seconds: 60, fault: refusesStore },
  { what: 'breaks connections', seconds: 60, fault: isGone },
  { what: 'does not answer', seconds: 60, fault: isSilent },
  { what: 'refuses STORE', seconds: 30, fault: refusesStore },
  { what: 'breaks connections', seconds: 30, fault: isGone },
  { what: 'does not answer', seconds: 30, fault: isSilent },
  { what: 'refuses STORE', seconds: 12, fault: refusesStore },
  { what: 'breaks connections', seconds: 12, fault: isGone },
  { what: 'refuses STORE', seconds: 5, fault: refusesStore },
  { what: 'breaks connections', seconds: 5, fault: isGone },
] as const;

const TIMEOUT = { timeout: 400_000 };

let assembly: Assembly;
beforeAll(async () => {
  assembly = await synthesize();
}, 180_000);
afterAll(() => assembly.remove());

describe.concurrent('a certified server that ends a grant whose refresh token is used twice', () => {
  it.for([100, 16])('ends none while it answers refreshes after %i s', TIMEOUT, async (seconds) => {
    const report = await slowAnswers(assembly.folder, seconds);
    tell(`Answers after ${seconds} s`, report);
    expect(report, report.numbers).toMatchObject(UNHARMED);
  });

  it.for(OUTAGES)('ends none while the table $what for $seconds s', TIMEOUT, async (each) => {
    const report = await outage(assembly.folder, each.fault, each.seconds);
    tell(`The table ${each.what} for ${each.seconds} s`, report);
    expect(report, report.numbers).toMatchObject(UNHARMED);
  });
});

function tell(situation: string, { endedByReuse, lost, deaths, numbers }: Report): void {
  process.stdout.write(
    `${situation}: ${endedByReuse.length} grants ended by reuse, ${lost.length} lost, ` +
      `${deaths.length} processes dead. ${numbers}\n`,
  );
}
