import { type AccountId, parseAccountId } from './accounts.ts';
import {
  aBoolean,
  aString,
  type Check,
  type Checks,
  checkFields,
  httpStatus,
  notNegative,
  oneOf,
  positive,
  SimulatorUsageError,
} from './checks.ts';
import type { Answer } from './http.ts';

/**
 * Something that goes wrong with the next requests that match.
 * A request meets the first fault in the queue of each stage, and of `alteration` one of each kind.
 * A fault that answers instead of Jobber leaves those of the last two stages for a later request.
 */
export type Fault = FaultScope & (WaitFault | InsteadFault | AlterationFault | DeliveryFault);

export interface FaultScope {
  /** How many requests it meets; `null`: all, until cleared. @default 1 */
  times?: number | null;
  /** Meets only requests with a code or token of this account, valid or not. */
  accountId?: AccountId;
  /** Meets only requests to the token endpoint. */
  grantType?: GrantType;
  path?: FaultPath;
}

export type FaultPath = 'token' | 'graphql';
export type GrantType = 'authorization_code' | 'refresh_token';

/** First stage: before any work. */
export type WaitFault = { kind: 'latency'; ms: number };

/** Second stage: no work is done. */
export type InsteadFault =
  /** The connection breaks. */
  | { kind: 'drop-before' }
  /** `retryAfter` in seconds; `html` for a page instead of prose. */
  | { kind: 'status'; status: number; retryAfter?: number; html?: boolean; body?: string }
  /** A "Just a moment…" page with status 200. */
  | { kind: 'html-200' }
  /** 302 to a page. */
  | { kind: 'redirect' }
  /** 200 with JSON that holds no access token. */
  | { kind: 'empty-200' }
  /** The answer to a wrong client id or secret. */
  | { kind: 'wrong-secret' }
  /** The answer to a code that is not valid. */
  | { kind: 'refuse-code' }
  /** The answer to a refresh token that is not valid, though this one may be. */
  | { kind: 'refuse-refresh-token' }
  /** GraphQL's answer to a query for which not enough points are available. @default 10,001 of 10,000 */
  | { kind: 'throttled'; requested?: number; available?: number };

/** Third stage: the work is done, but the token endpoint issues something unusual. */
export type AlterationFault =
  | { kind: 'no-expires-at' }
  | { kind: 'bad-expires-at' }
  /** An access token that is no JWT. */
  | { kind: 'opaque-access-token' }
  /** The answer holds no refresh token; the redeemed one stays valid. */
  | { kind: 'no-refresh-token' };

/** Last stage: the work is done, and its answer does not arrive as it should. */
export type DeliveryFault = DeliveryScope & Delivery;

export interface DeliveryScope {
  /** A request that Jobber refuses, which takes it no work, is answered as usual. */
  unlessRefused?: boolean;
}

type Delivery =
  /** The answer comes after this time. */
  | { kind: 'late'; ms: number }
  /** The connection breaks before the answer. */
  | { kind: 'drop-after' }
  /** @default 500 */
  | { kind: 'status-after'; status?: number }
  | { kind: 'trickle'; bytesPerSecond: number }
  /** Half of the body arrives, then the connection breaks. */
  | { kind: 'truncate' };

export type Alteration = AlterationFault['kind'];

/** What the faults look at. */
export interface Faulted {
  readonly path: FaultPath;
  readonly grantType: string | undefined;
  /** Whose code or token the request holds, valid or not. */
  readonly accountId: number | undefined;
}

/** A request that was understood, with its work still to be done. */
export interface PendingRequest extends Faulted {
  /** One atomic step. */
  readonly work: (alterations: ReadonlySet<Alteration>) => Answer;
}

/** The faults that one request meets. */
export interface Met {
  readonly latencyMs: number;
  readonly instead: InsteadFault | undefined;
  readonly alterations: ReadonlySet<Alteration>;
  readonly delivery: DeliveryFault | undefined;
}

interface Kind {
  readonly stage: 'wait' | 'instead' | 'alteration' | 'delivery';
  /** The only path, and the only grant type, at which this fault makes sense. */
  readonly path?: FaultPath;
  readonly grantType?: GrantType;
  readonly required?: Checks;
  readonly optional?: Checks;
}

const DELIVERY: Checks = { unlessRefused: aBoolean };

const KINDS: Readonly<Record<Fault['kind'], Kind>> = {
  latency: { stage: 'wait', required: { ms: notNegative } },
  'drop-before': { stage: 'instead' },
  status: {
    stage: 'instead',
    required: { status: httpStatus },
    optional: { retryAfter: notNegative, html: aBoolean, body: aString },
  },
  'html-200': { stage: 'instead' },
  redirect: { stage: 'instead' },
  'empty-200': { stage: 'instead', path: 'token' },
  'wrong-secret': { stage: 'instead', path: 'token' },
  'refuse-code': { stage: 'instead', path: 'token', grantType: 'authorization_code' },
  'refuse-refresh-token': { stage: 'instead', path: 'token', grantType: 'refresh_token' },
  throttled: {
    stage: 'instead',
    path: 'graphql',
    optional: { requested: notNegative, available: notNegative },
  },
  'no-expires-at': { stage: 'alteration', path: 'token', grantType: 'refresh_token' },
  'bad-expires-at': { stage: 'alteration', path: 'token', grantType: 'refresh_token' },
  'opaque-access-token': { stage: 'alteration', path: 'token' },
  'no-refresh-token': { stage: 'alteration', path: 'token' },
  late: { stage: 'delivery', required: { ms: notNegative }, optional: DELIVERY },
  'drop-after': { stage: 'delivery', optional: DELIVERY },
  'status-after': { stage: 'delivery', optional: { ...DELIVERY, status: httpStatus } },
  trickle: { stage: 'delivery', required: { bytesPerSecond: positive }, optional: DELIVERY },
  truncate: { stage: 'delivery', optional: DELIVERY },
};

const anAccountId: Check = [
  'an account id',
  (value) =>
    (typeof value === 'number' || typeof value === 'string') && parseAccountId(value) !== undefined,
];
const times: Check = [
  'a whole number above 0, or null',
  (value) => value === null || (Number.isInteger(value) && Number(value) > 0),
];
const COMMON: Checks = {
  kind: oneOf(...Object.keys(KINDS)),
  times,
  accountId: anAccountId,
  path: oneOf('token', 'graphql'),
  grantType: oneOf('authorization_code', 'refresh_token'),
};

export type FaultQueue = ReturnType<typeof faultQueue>;

export function faultQueue() {
  let queue: Fault[] = [];

  /** @throws SimulatorUsageError if one of them is no fault; then none is added. */
  function push(...faults: readonly Fault[]): void {
    for (const fault of faults) {
      const kind = KINDS[fault?.kind];
      if (!kind) throw new SimulatorUsageError(`There is no fault of kind '${fault?.kind}'.`);
      checkFields(`The fault '${fault.kind}'`, fault, kind.required ?? {}, {
        ...COMMON,
        ...kind.optional,
      });
    }
    queue.push(
      ...faults.map((fault) => ({ ...fault, times: fault.times === undefined ? 1 : fault.times })),
    );
  }

  /** Those that have not run out, in order, with the `times` that are left. */
  function pending(): Fault[] {
    return queue.map((fault) => ({ ...fault }));
  }

  function clear(): void {
    queue = [];
  }

  /** Takes one time of each fault that this request meets. */
  function meet(request: Faulted): Met {
    const met: Fault[] = [];
    const takeFirst = (belongs: (fault: Fault) => boolean) => {
      const fault = queue.find((each) => belongs(each) && matches(each, request));
      if (!fault) return undefined;
      if (typeof fault.times === 'number' && --fault.times === 0)
        queue = queue.filter((other) => other !== fault);
      met.push(fault);
      return fault;
    };
    const takeStage = (stage: Kind['stage']) =>
      takeFirst(({ kind }) => KINDS[kind].stage === stage);

    const wait = takeStage('wait') as WaitFault | undefined;
    const instead = takeStage('instead') as InsteadFault | undefined;
    const alterations = new Set<Alteration>();
    let delivery: DeliveryFault | undefined;
    if (!instead) {
      for (const [kind, { stage }] of Object.entries(KINDS))
        if (stage === 'alteration' && takeFirst((fault) => fault.kind === kind))
          alterations.add(kind as Alteration);
      delivery = takeStage('delivery') as DeliveryFault | undefined;
    }
    return { latencyMs: wait?.ms ?? 0, instead, alterations, delivery };
  }

  return { push, pending, clear, meet };
}

function matches(fault: Fault, request: Faulted): boolean {
  const kind = KINDS[fault.kind];
  return (
    [fault.path, kind.path].every((path) => path === undefined || path === request.path) &&
    [fault.grantType, kind.grantType].every(
      (grantType) => grantType === undefined || grantType === request.grantType,
    ) &&
    (fault.accountId === undefined || parseAccountId(fault.accountId) === request.accountId)
  );
}
