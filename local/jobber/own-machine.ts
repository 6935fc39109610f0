import type { IncomingMessage } from 'node:http';
import { mediaType } from './http.ts';

export interface Refusal {
  readonly status: 403 | 415;
  readonly message: string;
}

/**
 * Why a request may not use what is for this machine alone; undefined if it may. Pages of other origins reach servers on
 * this machine, too: a browser sends their requests and only keeps the answers from them.
 */
export function refusalOf(request: IncomingMessage): Refusal | undefined {
  const { method, headers } = request;
  if (!isOwnHost(request)) return refuse('Use localhost or 127.0.0.1 as the host.');
  if (isFromForeignPage(request)) return refuse('Pages of other origins may not use this.');
  // Without permission, a page may send forms and plain text to another origin, but not JSON.
  if (method !== 'GET' && method !== 'HEAD' && mediaType(headers) !== 'application/json')
    return { status: 415, message: 'Send JSON, with Content-Type: application/json.' };
  return undefined;
}

/** Whether the page of another origin sends the request; a link that leads here may be followed. */
export function isFromForeignPage({ method, headers }: IncomingMessage): boolean {
  // The origin of a sandboxed frame is `null`, on any page.
  if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`) return true;
  const navigates = method === 'GET' && headers['sec-fetch-mode'] === 'navigate';
  // A browser that leaves out the origin still says where the request comes from. `none`: a person typed the address.
  const site = headers['sec-fetch-site'] ?? 'none';
  return site !== 'same-origin' && site !== 'none' && !navigates;
}

/**
 * Whether the request names this machine as its host. A foreign name that leads here (DNS rebinding) would let the pages
 * of that name read the answers.
 */
export function isOwnHost({ headers, socket }: IncomingMessage): boolean {
  const own = ['localhost', '127.0.0.1'];
  const port = socket.localPort;
  const hosts = port === 80 ? own : own.map((name) => `${name}:${port}`);
  return hosts.includes(headers.host ?? '');
}

/** As {@link isOwnHost}, whatever the port: a proxy on this machine may stand before us. */
export const hasOwnName = ({ headers }: IncomingMessage): boolean =>
  /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(headers.host ?? '');

const refuse = (message: string): Refusal => ({ status: 403, message });
