import { MODELS } from './authorization-server.ts';
import type { Role, Scenario } from './simulation.ts';

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

/** Every pair of processes, at every kind of authorization server. */
export const pairs: Scenario[] = MODELS.flatMap((model) => [
  ...EXPIRED.map((roles): Scenario => ({ model, start: 'expired', roles })),
  ...VALID.map((roles): Scenario => ({ model, start: 'valid', roles })),
]);

/** Three processes, of different kinds. */
export const triples: Scenario[] = MODELS.flatMap((model) => [
  { model, start: 'expired', roles: ['caller', 'caller', 'sweep'] } satisfies Scenario,
  { model, start: 'expired', roles: ['caller', 'sweep', 'callback'] } satisfies Scenario,
  { model, start: 'valid', roles: ['rejected', 'sweep', 'caller'] } satisfies Scenario,
]);
