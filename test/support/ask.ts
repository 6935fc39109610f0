import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answered {
  readonly status: number | undefined;
  readonly body: string;
}

/** Sends a request with exactly these headers, `host` too, as a browser or a program could. */
export async function ask(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<Answered> {
  const sent = request(url.replace('localhost', '127.0.0.1'), { method, headers, agent: false });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}
