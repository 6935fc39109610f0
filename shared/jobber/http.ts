/** One HTTP exchange with Jobber, bounded in time and size. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** What arrived of the body. */
  readonly body: string;
  /** False if the body was cut short by an error, the time-out or the size limit. */
  readonly complete: boolean;
  readonly retryAfterMs: number | undefined;
}

export interface NoAnswer {
  readonly status: 'none';
  /** Whether the request may have been received. */
  readonly maybeReceived: boolean;
}

export interface Limits {
  /** Of the body. @default 256 KB */
  readonly mostBytes?: number;
  /** Ends the exchange early. */
  readonly signal?: AbortSignal | undefined;
}

const MOST_BYTES = 256 * 1024;

/** Errors of a connection that never came to be: nothing was sent. */
const NEVER_SENT = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Never rejects, follows no redirect, and keeps whatever arrived of the body. */
export async function exchange(
  url: string,
  request: { headers: Record<string, string>; body: string },
  timeoutMs: number,
  { mostBytes = MOST_BYTES, signal }: Limits = {},
): Promise<Answer | NoAnswer> {
  try {
    const timeout = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, {
      method: 'POST',
      // Whether a request on a reused connection that breaks was received, nobody could tell.
      headers: { connection: 'close', ...request.headers },
      body: request.body,
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    return {
      status: response.status,
      contentType: response.headers.get('content-type') ?? '',
      retryAfterMs: retryAfterMs(response.headers),
      ...(await readBody(response.body, mostBytes)),
    };
  } catch (error) {
    const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? '';
    return { status: 'none', maybeReceived: !NEVER_SENT.has(code) };
  }
}

async function readBody(stream: ReadableStream<Uint8Array> | null, mostBytes: number) {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let complete = true;
  try {
    for await (const chunk of stream ?? []) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > mostBytes) {
        complete = false;
        break;
      }
    }
  } catch {
    complete = false;
  }
  return { body: Buffer.concat(chunks).toString('utf8'), complete };
}

/** `Retry-After` in either form (RFC 9110, section 10.2.3), as a wait in milliseconds. */
function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const wait = /^\d+$/.test(value.trim())
    ? Number(value) * 1000
    : Date.parse(value) - (Date.parse(headers.get('date') ?? '') || Date.now());
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined;
}
