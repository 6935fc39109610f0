import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { encodeAccountId } from '../local/jobber/accounts.ts';
import type { TokenHelper } from '../shared/tokens/token-helper.ts';
import { raw } from './baselines/raw.ts';
import type { Design, Setting } from './design.ts';
import { type DesignName, designNames, designs } from './designs.ts';
import { inMinutes, type Ours, ours } from './ours.ts';
import type { Services } from './services.ts';

/** An operation of one of the designs, on a table of its own. */
export interface Contender {
  readonly design: DesignName | 'raw' | 'raw, with conditions';
  readonly operation: 'stored token' | 'refresh on demand' | 'refresh by the sweep';
  /** Before each operation, off the clock. */
  before(accountId: string): Promise<unknown>;
  /** As a process does that has handed out nothing yet. */
  start(): (accountId: string) => Promise<unknown>;
}

const TWO_HOURS = 7_200;
const nothing = async () => undefined;

const handOut =
  ({ getAccessToken }: TokenHelper) =>
  (accountId: string) =>
    getAccessToken(accountId, { deadline: inMinutes() });

const readAndRefresh =
  ({ read, refresh }: ReturnType<typeof raw>) =>
  async (accountId: string, refreshToken: string) => {
    await read(accountId);
    return refresh(accountId, refreshToken);
  };

export function contenders(
  services: Services,
  db: DynamoDBClient,
  accounts: readonly number[],
): Promise<Contender[]> {
  return Promise.all([
    rawContender('raw', 'stored token', ({ read }) => read),
    rawContender('raw', 'refresh by the sweep', ({ refresh }) => refresh),
    rawContender('raw', 'refresh on demand', readAndRefresh),
    rawContender('raw, with conditions', 'refresh by the sweep', ({ refresh }) => refresh),
    rawContender('raw, with conditions', 'refresh on demand', readAndRefresh),
    ourContender('stored token', handOut),
    ourContender(
      'refresh by the sweep',
      ({ refreshIfDue }) =>
        (accountId) =>
          refreshIfDue(accountId, { minValiditySeconds: TWO_HOURS, deadline: inMinutes() }),
    ),
    ourContender('refresh on demand', handOut, ({ expire }) => expire),
    ...designNames
      .filter((name) => name !== 'jobber-tokens')
      .flatMap((name) => [
        baseline(name, 'stored token', () => nothing),
        baseline(name, 'refresh on demand', ({ expire }) => expire),
      ]),
  ]);

  async function setting(): Promise<Setting> {
    return { at: services.at, db, tableName: await services.newTable() };
  }

  /** Returns the refresh tokens by account. */
  async function connect({ save }: Design): Promise<Map<string, string>> {
    const grants = await services.grant(accounts);
    const connected = grants.map(
      (tokens, index) => [encodeAccountId(accounts[index] ?? 0), tokens] as const,
    );
    await Promise.all(connected.map(([accountId, tokens]) => save(accountId, tokens)));
    return new Map(connected.map(([accountId, { refreshToken }]) => [accountId, refreshToken]));
  }

  async function rawContender(
    design: 'raw' | 'raw, with conditions',
    operation: Contender['operation'],
    of: (
      calls: ReturnType<typeof raw>,
    ) => (accountId: string, refreshToken: string) => Promise<unknown>,
  ): Promise<Contender> {
    const place = await setting();
    const tokens = await connect(ours(place));
    const run = of(raw(place, { conditions: design !== 'raw' }));
    return {
      design,
      operation,
      before: nothing,
      start: () => async (accountId) => {
        const successor = await run(accountId, tokens.get(accountId) ?? '');
        if (typeof successor === 'string') tokens.set(accountId, successor);
      },
    };
  }

  async function ourContender(
    operation: Contender['operation'],
    of: (helper: TokenHelper) => (accountId: string) => Promise<unknown>,
    before: (design: Ours) => Contender['before'] = () => nothing,
  ): Promise<Contender> {
    const design = ours(await setting());
    await connect(design);
    return {
      design: 'jobber-tokens',
      operation,
      before: before(design),
      start: () => of(design.newHelper()),
    };
  }

  async function baseline(
    name: DesignName,
    operation: Contender['operation'],
    before: (design: Design) => Contender['before'],
  ): Promise<Contender> {
    const design = designs[name](await setting());
    await connect(design);
    return { design: name, operation, before: before(design), start: () => design.getToken };
  }
}
