import type { AccountId } from './accounts.ts';
import { type AccountAudit, type Audit, auditAll, auditOf } from './audit.ts';
import { SimulatorUsageError } from './checks.ts';
import type { Consents } from './consents.ts';
import type { Fault, FaultQueue } from './faults.ts';
import type { Grants } from './grants.ts';
import { type Answer, json, type Received } from './http.ts';
import { checkSettings, type SimulatorSettings } from './settings.ts';
import type { StateStore } from './state.ts';
import type { Delivery, WebhookOptions, Webhooks } from './webhooks.ts';

/**
 * What a test can see and do beside the protocol. Every function throws a `SimulatorUsageError` for
 * an account that does not exist, unless it says otherwise.
 */
export interface Control {
  /** All accounts and the totals. */
  audit(): Audit;
  auditAccount(accountId: AccountId): AccountAudit;
  /** Whether GraphQL would accept it now. */
  isAccessTokenLive(accessToken: string): boolean;

  /** What an authorization and its code exchange end in, without either; creates the account if need be. */
  issueGrant(accountId: AccountId): { accessToken: string; refreshToken: string };
  /** As the account's admin does with Disconnect in Jobber: ends all grants of the account, and says so by webhook. */
  disconnect(accountId: AccountId): void;
  /** As churn does: no token of the account works, until somebody authorizes with it again. */
  deactivate(accountId: AccountId): void;
  /** As when an admin is deactivated or downgraded: the grants of this user end. */
  deactivateUser(userId: number): void;
  /** Every access token issued so far is answered as expired, of one account or of all. */
  expireAccessTokens(accountId?: AccountId): void;
  /** As in the Developer Center: no refresh token survives it; access tokens do until they expire. */
  rollClientSecret(secret: string): void;
  /** Sends a webhook to `settings.webhookUrl`, to an account of any id: late, again, in older forms, forged. */
  sendWebhook(topic: string, accountId: AccountId, options?: WebhookOptions): void;
  /** The last webhooks that were answered with 2xx or given up, newest first. */
  webhookDeliveries(): readonly Delivery[];
  /** Back to how the simulator started without a state file: no grants, no faults, the first settings. */
  reset(): void;

  getSettings(): SimulatorSettings;
  changeSettings(changes: Partial<SimulatorSettings>): SimulatorSettings;

  pushFaults(...faults: Fault[]): void;
  pendingFaults(): Fault[];
  clearFaults(): void;
}

export interface Controlled {
  readonly store: StateStore;
  readonly settings: SimulatorSettings;
  /** The settings that `reset` returns to. */
  readonly firstSettings: SimulatorSettings;
  readonly grants: Grants;
  readonly faults: FaultQueue;
  readonly webhooks: Webhooks;
  readonly forgetLimits: () => void;
  readonly consents: Consents;
}

export function controlOf(controlled: Controlled): Control {
  const { store, settings, firstSettings, grants, faults, webhooks, forgetLimits, consents } =
    controlled;

  /** A change is in the state file once the function returns. */
  function saving<Parameters extends unknown[], Result>(
    act: (...parameters: Parameters) => Result,
  ) {
    return (...parameters: Parameters): Result => {
      const result = act(...parameters);
      store.saveNow();
      return result;
    };
  }

  return {
    audit: () => auditAll(store.state, grants),
    auditAccount: (accountId) => auditOf(grants.existingAccount(accountId), grants),
    isAccessTokenLive: (accessToken) => grants.judgeBearer(accessToken).kind === 'live',

    issueGrant: saving((accountId: AccountId) => {
      const { accessToken, refreshToken } = grants.newGrant(grants.authorizingAccount(accountId));
      return { accessToken, refreshToken: refreshToken ?? '' };
    }),
    disconnect: saving((accountId: AccountId) => {
      const account = grants.existingAccount(accountId);
      grants.end(account.grants, 'disconnected');
      webhooks.send('APP_DISCONNECT', account.id);
    }),
    deactivate: saving((accountId: AccountId) =>
      grants.deactivate(grants.existingAccount(accountId)),
    ),
    deactivateUser: saving((userId: number) => grants.deactivateUser(userId)),
    expireAccessTokens: saving((accountId?: AccountId) =>
      grants.expireAccessTokens(
        accountId === undefined ? undefined : [grants.existingAccount(accountId)],
      ),
    ),
    rollClientSecret: saving((secret: string) => {
      checkSettings({ clientSecret: secret });
      grants.rollClientSecret(secret);
    }),
    sendWebhook: (topic, accountId, options) =>
      webhooks.send(topic, grants.accountNumber(accountId), options),
    webhookDeliveries: webhooks.deliveries,
    reset: saving(() => {
      faults.clear();
      forgetLimits();
      consents.forget();
      webhooks.forget();
      Object.assign(settings, firstSettings);
      grants.forgetEverything();
    }),

    getSettings: () => ({ ...settings }),
    changeSettings: (changes) => ({ ...Object.assign(settings, checkSettings(changes)) }),

    pushFaults: faults.push,
    pendingFaults: faults.pending,
    clearFaults: faults.clear,
  };
}

/** Those that a GET may call. */
const READING = ['audit', 'getSettings', 'pendingFaults', 'webhookDeliveries'];

/**
 * The control over HTTP: `POST /_simulator/<function>`, the body a JSON array of its parameters or
 * nothing, the answer the JSON of what it returns; 400 `{"message"}` for what it throws. The server has refused
 * requests of foreign pages before.
 */
export function controlEndpoint(control: Control) {
  const functions = new Map<string, (...parameters: never[]) => unknown>(Object.entries(control));

  return function receive({ method, url, body }: Received): Answer {
    const name = url.pathname.replace('/_simulator/', '');
    const call = functions.get(name);
    if (!call || (method !== 'POST' && !READING.includes(name)))
      return json(404, { message: `There is no control function ${method} ${url.pathname}.` });
    try {
      return json(200, call(...readParameters(body)) ?? null);
    } catch (error) {
      if (!(error instanceof SimulatorUsageError)) throw error;
      return json(400, { message: error.message });
    }
  };
}

function readParameters(body: string): never[] {
  try {
    const parameters: unknown = body === '' ? [] : JSON.parse(body);
    if (Array.isArray(parameters)) return parameters as never[];
  } catch {
    // Answered like every other body that is no array.
  }
  throw new SimulatorUsageError('The body must be a JSON array of parameters.');
}
