import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeAccountId } from './accounts.ts';
import { aBoolean, aString, type Checks, checkFields, notNegative, oneOf } from './checks.ts';
import type { SimulatorSettings } from './settings.ts';

/** How one webhook is made and sent; without any, as Jobber does today. */
export interface WebhookOptions {
  /** `form` as for apps made before 2022-04-11. @default 'json' */
  encoding?: 'json' | 'form';
  /** `occuredAt` as for apps made before 2023-12-08. @default 'occurredAt' */
  timeField?: 'occurredAt' | 'occuredAt';
  /** Milliseconds since the Unix epoch; sent in whole seconds. @default now */
  occurredAt?: number;
  /** `number` is the older encoding of the bare number. @default 'global' */
  accountIdForm?: 'global' | 'number' | 'bare';
  itemId?: string;
  /** Signed by somebody who does not know the client secret. @default false */
  forged?: boolean;
  /** Before it is sent, in milliseconds. @default 0 */
  afterMs?: number;
  /** How often it is sent though it is answered with 2xx. @default 1 */
  times?: number;
}

export interface Delivery {
  readonly topic: string;
  readonly accountId: number;
  /** HTTP status of each answer, 0 where there was none within a second. */
  readonly statuses: readonly number[];
}

const OPTIONS: Checks = {
  encoding: oneOf('json', 'form'),
  timeField: oneOf('occurredAt', 'occuredAt'),
  occurredAt: notNegative,
  accountIdForm: oneOf('global', 'number', 'bare'),
  itemId: aString,
  forged: aBoolean,
  afterMs: notNegative,
  times: notNegative,
} satisfies Record<keyof WebhookOptions, unknown>;

/** Within which Jobber wants an answer. */
const ANSWER_WITHIN_MS = 1_000;
/** How often and when Jobber sends again is not documented. Assumed: a few times, soon. */
const RETRY_AFTER_MS = [200, 1_000, 5_000];
const KEPT = 100;

export type Webhooks = ReturnType<typeof webhookSender>;

/** Sends signed webhooks to `settings.webhookUrl`, at least once, as long as `signal` lets it. */
export function webhookSender(settings: SimulatorSettings, now: () => number, signal: AbortSignal) {
  let deliveries: Delivery[] = [];

  /** @throws SimulatorUsageError */
  function send(topic: string, account: number, options: WebhookOptions = {}): void {
    checkFields('The webhook', options, {}, OPTIONS);
    const { webhookUrl: url } = settings;
    if (url !== '') void deliver(url, topic, account, options);
  }

  /** Until it is answered with 2xx, or given up. */
  async function deliver(url: string, topic: string, account: number, options: WebhookOptions) {
    const request = requestOf(topic, account, options, settings.clientSecret, now());
    const { afterMs = 0, times = 1 } = options;
    const statuses: number[] = [];
    try {
      if (afterMs > 0) await delay(afterMs, undefined, { signal });
      for (let copy = 0; copy < times; copy++) {
        statuses.push(await post(url, request));
        for (const pause of RETRY_AFTER_MS) {
          if (isTaken(statuses.at(-1)) || options.forged) break;
          await delay(pause, undefined, { signal });
          statuses.push(await post(url, request));
        }
      }
    } catch {
      // The simulator closes.
    }
    deliveries = [{ topic, accountId: account, statuses }, ...deliveries].slice(0, KEPT);
  }

  async function post(url: string, request: RequestInit): Promise<number> {
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
      const response = await fetch(url, { ...request, method: 'POST', signal: within });
      await response.body?.cancel();
      return response.status;
    } catch {
      return 0;
    }
  }

  return {
    send,
    /** Newest first. */
    deliveries: () => deliveries,
    forget: () => {
      deliveries = [];
    },
  };
}

const isTaken = (status = 0) => status >= 200 && status < 300;

function requestOf(
  topic: string,
  account: number,
  options: WebhookOptions,
  clientSecret: string,
  now: number,
): RequestInit {
  const { encoding = 'json', timeField = 'occurredAt', accountIdForm = 'global' } = options;
  const accountId = {
    global: encodeAccountId(account),
    number: Buffer.from(String(account)).toString('base64'),
    bare: String(account),
  }[accountIdForm];
  const event = {
    topic,
    appId: Buffer.from('1').toString('base64'),
    accountId,
    itemId: options.itemId ?? accountId,
    [timeField]: `${new Date(options.occurredAt ?? now).toISOString().slice(0, 19)}Z`,
  };
  const body =
    encoding === 'json' ? JSON.stringify({ data: { webHookEvent: event } }) : form(event);
  const secret = options.forged ? 'guessed-secret' : clientSecret;
  return {
    headers: {
      'content-type':
        encoding === 'json' ? 'application/json' : 'application/x-www-form-urlencoded',
      'x-jobber-hmac-sha256': createHmac('sha256', secret).update(body).digest('base64'),
    },
    body,
  };
}

/** As Rails nests it. Assumed: Jobber does not document the form. */
const form = (event: Record<string, string>) =>
  new URLSearchParams(
    Object.entries(event).map(([name, value]): [string, string] => [
      `data[webHookEvent][${name}]`,
      value,
    ]),
  ).toString();
