import { MODELS } from './authorization-server.ts';
import type { Role } from './roles.ts';
import type { Scenario } from './simulation.ts';
import type { Start } from './starts.ts';

/** Who meets whom: with every access token expired, and with ten minutes left. */
const EXPIRED: Role[][] = [
  ['caller', 'caller'],
  ['caller', 'visit'],
  ['caller', 'callback'],
  ['caller', 'webhook'],
  ['caller', 'disconnect'],
  ['visit', 'disconnect'],
  ['callback', 'webhook'],
  ['caller', 'admin'],
  ['visit', 'visit'],
  ['two-calls', 'caller'],
  ['callback', 'callback'],
];
const VALID: Role[][] = [
  ['rejected', 'rejected'],
  ['rejected', 'visit'],
  ['rejected', 'caller'],
  ['rejected', 'callback'],
  ['rejected', 'webhook'],
  ['rejected', 'disconnect'],
  ['visit', 'disconnect'],
  ['callback', 'disconnect'],
  ['webhook', 'disconnect'],
  ['disconnect', 'disconnect'],
  ['visit', 'callback'],
];

const REFUSED: Role[][] = [
  ['caller', 'caller'],
  ['caller', 'callback'],
  ['caller', 'disconnect'],
];
const GIVEN_UP: Role[][] = [
  ['appeal', 'appeal'],
  ['appeal', 'callback'],
  ['appeal', 'webhook'],
  ['appeal', 'disconnect'],
];
const BREAKER_OPEN: Role[][] = [
  ['visit', 'visit'],
  ['rejected', 'visit'],
];
const IDLE: Role[][] = [
  ['caller', 'caller'],
  ['caller', 'visit'],
  ['caller', 'disconnect'],
];
const UNUSED: Role[][] = [
  ['caller', 'visit'],
  ['visit', 'visit'],
  ['visit', 'callback'],
  ['visit', 'disconnect'],
  ['caller', 'disconnect'],
];

const met: readonly [Start, Role[][]][] = [
  ['expired', EXPIRED],
  ['valid', VALID],
  ['refused', REFUSED],
  ['given-up', GIVEN_UP],
  ['breaker-open', BREAKER_OPEN],
  ['idle', IDLE],
  ['unused', UNUSED],
];

/** Every pair of processes, at every kind of authorization server. */
export const pairs: Scenario[] = MODELS.flatMap((model) =>
  met.flatMap(([start, pairsOf]) => pairsOf.map((roles): Scenario => ({ model, start, roles }))),
);

/** Three processes, of different kinds. */
export const triples: Scenario[] = MODELS.flatMap((model) => [
  { model, start: 'expired', roles: ['caller', 'caller', 'visit'] } satisfies Scenario,
  { model, start: 'expired', roles: ['caller', 'visit', 'callback'] } satisfies Scenario,
  { model, start: 'valid', roles: ['rejected', 'visit', 'caller'] } satisfies Scenario,
]);
