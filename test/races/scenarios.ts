import { MODELS } from './authorization-server.ts';
import type { Role } from './roles.ts';
import type { Scenario } from './simulation.ts';
import type { Start } from './starts.ts';

/** Who meets whom: with every access token expired, and with ten minutes left. */
const EXPIRED: Role[][] = [
  ['caller', 'caller'],
  ['caller', 'sweep'],
  ['caller', 'callback'],
  ['caller', 'webhook'],
  ['caller', 'disconnect'],
  ['sweep', 'disconnect'],
  ['callback', 'webhook'],
  ['caller', 'admin'],
  ['sweep', 'sweep'],
  ['two-calls', 'caller'],
  ['callback', 'callback'],
];
const VALID: Role[][] = [
  ['rejected', 'rejected'],
  ['rejected', 'sweep'],
  ['rejected', 'caller'],
  ['rejected', 'callback'],
  ['rejected', 'webhook'],
  ['rejected', 'disconnect'],
  ['sweep', 'disconnect'],
  ['callback', 'disconnect'],
  ['webhook', 'disconnect'],
  ['disconnect', 'disconnect'],
  ['sweep', 'callback'],
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
  ['sweep', 'sweep'],
  ['rejected', 'sweep'],
];

const met: readonly [Start, Role[][]][] = [
  ['expired', EXPIRED],
  ['valid', VALID],
  ['refused', REFUSED],
  ['given-up', GIVEN_UP],
  ['breaker-open', BREAKER_OPEN],
];

/** Every pair of processes, at every kind of authorization server. */
export const pairs: Scenario[] = MODELS.flatMap((model) =>
  met.flatMap(([start, pairsOf]) => pairsOf.map((roles): Scenario => ({ model, start, roles }))),
);

/** Three processes, of different kinds. */
export const triples: Scenario[] = MODELS.flatMap((model) => [
  { model, start: 'expired', roles: ['caller', 'caller', 'sweep'] } satisfies Scenario,
  { model, start: 'expired', roles: ['caller', 'sweep', 'callback'] } satisfies Scenario,
  { model, start: 'valid', roles: ['rejected', 'sweep', 'caller'] } satisfies Scenario,
]);
