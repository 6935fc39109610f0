import type { FunctionName } from '../functions/manifest.ts';
import { type Invoke, isOurs } from './functions.ts';

export interface Entry {
  readonly id: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly tone: 'good' | 'neutral' | 'bad';
  readonly text: string;
}

export interface Activity {
  note(text: string, tone?: Entry['tone']): void;
  /** Newest first. */
  entries(): readonly Entry[];
}

const KEPT = 100;

/** What happened on this machine, for people to read; holds no token. */
export function activity(): Activity {
  let entries: Entry[] = [];
  let id = 0;
  return {
    note(text, tone = 'neutral') {
      entries = [{ id: ++id, at: Date.now(), tone, text }, ...entries].slice(0, KEPT);
    },
    entries: () => entries,
  };
}

/** Notes how each invocation ended, in a few words. */
export function notingInvocations(invoke: Invoke, log: Activity): Invoke {
  return async (name, event) => {
    try {
      const result = await invoke(name, event);
      const [text, tone] = inWords(name, result);
      log.note(`${name}: ${text}`, tone);
      return result;
    } catch (error) {
      log.note(`${name}: failed, ${(error as Error).name}`, 'bad');
      throw error;
    }
  };
}

interface KnownResults {
  readonly ok?: boolean;
  readonly error?: { readonly code: string };
  readonly status?: string;
  readonly url?: string;
  readonly statusCode?: number;
  readonly batchItemFailures?: readonly unknown[];
  readonly queued?: number;
  readonly copied?: number;
}

const HTTP_WORDS: Partial<Record<FunctionName, string>> = {
  'oauth-connect': 'a browser was sent to Jobber',
  'oauth-callback': 'a browser came back',
  'jobber-webhook': 'a webhook came',
  jwks: 'public keys were read',
};

function inWords(name: string, result: unknown): [string, Entry['tone']] {
  const { ok, error, status, url, statusCode, batchItemFailures, queued, copied } = (result ??
    {}) as KnownResults;
  if (statusCode !== undefined) {
    return [
      `${HTTP_WORDS[name as FunctionName] ?? name}, HTTP ${statusCode}`,
      statusCode < 400 ? 'good' : 'bad',
    ];
  }
  if (batchItemFailures) {
    const failed = batchItemFailures.length;
    return failed === 0
      ? ['done with what was queued', 'good']
      : [`${failed} stay in the queue`, 'bad'];
  }
  if (copied !== undefined) return [`${copied} clients copied`, 'good'];
  if (queued !== undefined) return [`${queued} queued`, 'neutral'];
  if (!isOurs(name)) return ['done', 'good'];
  if (!ok) return [`${name === 'get-token' ? 'no token' : 'refused'}, ${error?.code}`, 'bad'];
  if (status !== undefined) return [status, 'neutral'];
  return [url === undefined ? 'a token was handed out' : 'a link was made', 'good'];
}
