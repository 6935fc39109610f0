import type { DesignName } from './designs.ts';
import type { OperationsResult } from './operations.ts';
import type { SweepResult } from './sweep.ts';

/*
 * What a million connections cost a month, in US dollars, us-east-1, on demand, without any free tier, at the prices and
 * assumptions of docs/deploying.md.
 */

const MILLION = 1e6;
const PRICES = {
  writeUnit: 0.625 / MILLION,
  readUnit: 0.125 / MILLION,
  // Fair queues.
  sqsRequest: 0.5 / MILLION,
  lambdaRequest: 0.2 / MILLION,
  // arm64.
  lambdaGBSecond: 0.0000133334,
  secretPerMonth: 0.4,
  secretRequest: 0.05 / 10_000,
};
const MINUTES_A_MONTH = 730 * 60;

/** The sweep, every 5 min, takes a token of 60 min within its last 15: after 47.5 min on average. */
export const MINUTES_BETWEEN_REFRESHES = 47.5;
/** On demand: used at all hours, and refreshed a minute before it ends. */
const MINUTES_ON_DEMAND = 59;
/** A caller without the token in its memory, once an hour. */
const LOOKS_A_MONTH = 730;
/** A batch of 10 refreshes against Jobber, in a function of 256 MB. */
const BATCH_SECONDS = 1;
const BATCH_GB = 0.25;

/** As AWS's DynamoDB Local reports it (`test/shared/tokens/item.test.ts`); the embedded one reports no index. */
const INDEX_UNITS_OF_A_REFRESH = 2;

export interface Cost {
  readonly design: DesignName | 'a secret per connection';
  readonly writes: number;
  readonly reads: number;
  readonly queueAndFunctions: number;
  readonly secrets: number;
  readonly total: number;
}

export function costs(operations: OperationsResult, sweep: SweepResult): Cost[] {
  const consumedBy = (design: string, operation: string) => {
    const found = operations.operations.find(
      (each) => each.design === design && each.operation === operation,
    );
    if (!found) throw new Error(`${design}, ${operation}: not measured.`);
    return found.consumed;
  };
  const names = [...new Set(operations.operations.map(({ design }) => design))].filter(
    (name): name is DesignName => !name.startsWith('raw'),
  );
  const designs = names.map((design) => {
    const isOurs = design === 'jobber-tokens';
    const refresh = consumedBy(design, isOurs ? 'refresh by the sweep' : 'refresh on demand');
    const look = consumedBy(design, 'stored token');
    const refreshes = MINUTES_A_MONTH / (isOurs ? MINUTES_BETWEEN_REFRESHES : MINUTES_ON_DEMAND);
    const index = isOurs ? refresh.index || INDEX_UNITS_OF_A_REFRESH : refresh.index;
    return cost(design, {
      writes: refreshes * (refresh.write + index) * PRICES.writeUnit,
      reads: (refreshes * refresh.read + LOOKS_A_MONTH * look.read) * PRICES.readUnit,
      queueAndFunctions: isOurs ? refreshes * queueAndFunctions(sweep) : 0,
      secrets: 0,
    });
  });
  const requests = MINUTES_A_MONTH / MINUTES_ON_DEMAND + LOOKS_A_MONTH;
  const secrets = PRICES.secretPerMonth + requests * PRICES.secretRequest;
  return [
    ...designs,
    cost('a secret per connection', { writes: 0, reads: 0, queueAndFunctions: 0, secrets }),
  ];
}

/** Of one refresh by the sweep. */
function queueAndFunctions({ sizes }: SweepResult): number {
  const requests = sizes.at(-1)?.requestsPerRefresh ?? {};
  const ofQueue = ['SendMessageBatch', 'ReceiveMessage', 'DeleteMessageBatch'].reduce(
    (sum, name) => sum + (requests[name] ?? 0),
    0,
  );
  const batch = PRICES.lambdaRequest + BATCH_SECONDS * BATCH_GB * PRICES.lambdaGBSecond;
  return ofQueue * PRICES.sqsRequest + batch / 10;
}

/** From dollars for one connection. */
function cost(design: Cost['design'], each: Omit<Cost, 'design' | 'total'>): Cost {
  const { writes, reads, queueAndFunctions, secrets } = each;
  return {
    design,
    writes: writes * MILLION,
    reads: reads * MILLION,
    queueAndFunctions: queueAndFunctions * MILLION,
    secrets: secrets * MILLION,
    total: (writes + reads + queueAndFunctions + secrets) * MILLION,
  };
}
