import * as z from 'zod/mini';
import type { EpochMs } from '../runtime/clock.ts';
import { canonicalAccountId } from './account-id.ts';

/** The longest body that is read; Jobber's have some 300 bytes. */
export const MAX_WEBHOOK_BYTES = 64 * 1024;

/** Something happened in an account that has the app (Jobber, "Setting up Webhooks"). */
export interface WebhookEvent {
  /** Such as `APP_DISCONNECT`; Jobber adds topics. */
  readonly topic: string;
  /** As it is stored, however Jobber wrote it. */
  readonly accountId: string;
  readonly appId: string | undefined;
  /** What the topic is about, encoded as Jobber does. */
  readonly itemId: string | undefined;
  /** In whole seconds, as Jobber sends it: the start of the second in which it happened. */
  readonly occurredAt: EpochMs;
}

const text = z.string().check(z.maxLength(1_024));
const id = z.pipe(z.union([text, z.int()]), z.transform(String));
const time = z.pipe(
  text.check(z.refine((value) => Number.isFinite(Date.parse(value)))),
  z.transform((value) => Date.parse(value) as EpochMs),
);
const Event = z.object({
  topic: text.check(z.minLength(1), z.maxLength(128)),
  accountId: z.pipe(id.check(z.minLength(1), z.maxLength(256)), z.transform(canonicalAccountId)),
  appId: z.optional(id),
  itemId: z.optional(id),
  occurredAt: time,
});

/**
 * Reads a body whose signature was verified: JSON, or for apps made before 2022-04-11 a form, whatever the content type
 * says. `undefined` if it is neither.
 */
export function readWebhook(body: Uint8Array): WebhookEvent | undefined {
  const content = Buffer.from(body).toString();
  const { occuredAt, ...event } = fromJson(content) ?? fromForm(content);
  // Apps made before 2023-12-08 are sent `occuredAt`.
  const read = Event.safeParse({ occurredAt: occuredAt, ...event });
  return read.success ? { appId: undefined, itemId: undefined, ...read.data } : undefined;
}

type Fields = Record<string, unknown>;

function fromJson(content: string): Fields | undefined {
  try {
    return Object(JSON.parse(content)?.data?.webHookEvent);
  } catch {
    return undefined;
  }
}

/** How the form spells its names is not documented: nested as Rails does it, or one field `data` of JSON. */
function fromForm(content: string): Fields {
  const form = new URLSearchParams(content);
  const data = form.get('data');
  if (data !== null) return fromJson(`{"data":${data}}`) ?? {};
  const nested = [...form].flatMap(([name, value]) => {
    const [, field] = /^data\[webHookEvent\]\[(\w+)\]$/.exec(name) ?? [];
    return field === undefined ? [] : [[field, value]];
  });
  return Object.fromEntries(nested);
}
