import { API_VERSIONS, type ApiVersions } from './api-versions.ts';
import {
  aBoolean,
  aString,
  type Check,
  type Checks,
  checkFields,
  notNegative,
  oneOf,
  positive,
} from './checks.ts';

/** How the simulated Jobber behaves; may be changed at any time. */
export interface SimulatorSettings {
  /** @default 'simulated-client' */
  clientId: string;
  /** Changing it kills no token, unlike `rollClientSecret`. @default 'simulated-secret' */
  clientSecret: string;
  /** Where the marketplace's button Connect leads to; the redirect URI of its codes. @default '' */
  callbackUrl: string;
  /** Where the marketplace's button Manage App leads to; without it there is none. @default '' */
  manageUrl: string;
  /** For how long an admin who allowed the app in the marketplace is not asked once more. @default 60 */
  consentSeconds: number;
  /** The redirect URIs of the app, compared as strings. @default 'any' */
  redirectUris: readonly string[] | 'any';
  /** `legacy` is `on` for apps made before 2024-01-02: an old token still works. @default 'on' */
  rotation: 'on' | 'off' | 'legacy';
  /** What a used refresh token does while rotation is `on`. @default 'refuse' */
  reusePolicy: ReusePolicy;
  /** How long a used refresh token still works under the reuse policy `grace`. @default 60 */
  graceSeconds: number;
  /** Holds for tokens issued from now on. @default 3600 */
  accessTokenLifetimeSeconds: number;
  /** Whether a new authorization of an account ends its earlier grants. @default false */
  reauthorizationRevokes: boolean;
  /** Where webhooks are sent to; nowhere if empty. @default '' */
  webhookUrl: string;
  /** Whether GraphQL counts requests and query costs; load tests of something else switch it off. @default 'on' */
  graphqlLimits: 'on' | 'off';
  /** How many clients GraphQL finds in each account. @default 1000 */
  clientsPerAccount: number;
  /** The versions of the API, and how long each lasts; any other date is unknown. @default API_VERSIONS */
  apiVersions: ApiVersions;
}

/**
 * - `refuse`: refused, and nothing else happens.
 * - `grace`: within the grace period it answers with a further pair; the earlier successor stays valid.
 * - `revoke`: refused, and the whole grant ends.
 */
export type ReusePolicy = 'refuse' | 'grace' | 'revoke';

export const DEFAULT_SETTINGS: SimulatorSettings = {
  clientId: 'simulated-client',
  clientSecret: 'simulated-secret',
  callbackUrl: '',
  manageUrl: '',
  consentSeconds: 60,
  redirectUris: 'any',
  rotation: 'on',
  reusePolicy: 'refuse',
  graceSeconds: 60,
  accessTokenLifetimeSeconds: 3600,
  reauthorizationRevokes: false,
  webhookUrl: '',
  graphqlLimits: 'on',
  clientsPerAccount: 1_000,
  apiVersions: API_VERSIONS,
};

const redirectUris: Check = [
  "'any' or an array of strings",
  (value) =>
    value === 'any' || (Array.isArray(value) && value.every((uri) => typeof uri === 'string')),
];

const isState = oneOf('supported', 'ending', 'unsupported', 'removed');
const apiVersions: Check = [
  `an object of dates, each ${isState[0]}`,
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(
      ([version, state]) => /^\d{4}-\d\d-\d\d$/.test(version) && isState[1](state),
    ),
];

const SETTINGS: Checks = {
  clientId: aString,
  clientSecret: aString,
  callbackUrl: aString,
  manageUrl: aString,
  consentSeconds: notNegative,
  redirectUris,
  rotation: oneOf('on', 'off', 'legacy'),
  reusePolicy: oneOf('refuse', 'grace', 'revoke'),
  graceSeconds: notNegative,
  accessTokenLifetimeSeconds: positive,
  reauthorizationRevokes: aBoolean,
  webhookUrl: aString,
  graphqlLimits: oneOf('on', 'off'),
  clientsPerAccount: notNegative,
  apiVersions,
} satisfies Record<keyof SimulatorSettings, Check>;

/** @throws SimulatorUsageError */
export function checkSettings(changes: Partial<SimulatorSettings>): Partial<SimulatorSettings> {
  checkFields('The settings', changes, {}, SETTINGS);
  return changes;
}
