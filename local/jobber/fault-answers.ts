import { type ServerResponse, STATUS_CODES } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { DeliveryFault, FaultPath, InsteadFault } from './faults.ts';
import { throttled } from './graphql.ts';
import { costOf } from './graphql-limits.ts';
import { type Answer, html, json, redirect, send, text, writeHead } from './http.ts';
import { INVALID_CODE, INVALID_REFRESH_TOKEN, WRONG_CLIENT } from './token-endpoint.ts';

type AnsweringFault = Exclude<InsteadFault, { kind: 'drop-before' }>;

/** What a fault answers in place of Jobber. */
export function answerOf(fault: AnsweringFault, path: FaultPath): Answer {
  switch (fault.kind) {
    case 'status': {
      const answer = bodyOf(fault, path);
      return fault.retryAfter === undefined
        ? answer
        : { ...answer, headers: { ...answer.headers, 'Retry-After': String(fault.retryAfter) } };
    }
    case 'html-200':
      return html(200, page('Just a moment…'));
    case 'redirect':
      return redirect('/elsewhere');
    case 'empty-200':
      return json(200, {});
    case 'wrong-secret':
      return WRONG_CLIENT;
    case 'refuse-code':
      return INVALID_CODE;
    case 'refuse-refresh-token':
      return INVALID_REFRESH_TOKEN;
    case 'throttled':
      return throttled(costOf(fault.requested ?? 10_001, 0, fault.available));
  }
}

/** Where the `redirect` fault leads: a page that answers 200, as a log-in page would. */
export const elsewhere = () => html(200, page('Elsewhere'));

/** Sends the answer as the fault has it. Resolves early if the client goes away or `closing` aborts. */
export async function deliver(
  response: ServerResponse,
  answer: Answer,
  fault: DeliveryFault | undefined,
  closing: AbortSignal,
): Promise<void> {
  switch (fault?.kind) {
    case undefined:
      send(response, answer);
      return;
    case 'late':
      await delay(fault.ms, undefined, { signal: closing });
      send(response, answer);
      return;
    case 'drop-after':
      response.destroy();
      return;
    case 'status-after':
      send(response, prose(fault.status ?? 500));
      return;
    case 'truncate': {
      const body = Buffer.from(answer.body);
      writeHead(response, answer);
      response.write(body.subarray(0, body.length / 2), () => response.destroy());
      return;
    }
    case 'trickle':
      return trickle(response, answer, fault.bytesPerSecond, closing);
  }
}

async function trickle(
  response: ServerResponse,
  answer: Answer,
  bytesPerSecond: number,
  closing: AbortSignal,
) {
  const body = Buffer.from(answer.body);
  const step = Math.max(1, Math.floor(bytesPerSecond / 50));
  writeHead(response, answer);
  response.flushHeaders();
  for (let sent = 0; sent < body.length && !response.destroyed; sent += step) {
    await delay((step / bytesPerSecond) * 1000, undefined, { signal: closing });
    response.write(body.subarray(sent, sent + step));
  }
  response.end();
}

function bodyOf(fault: Extract<InsteadFault, { kind: 'status' }>, path: FaultPath): Answer {
  const { status, body } = fault;
  if (fault.html) return html(status, body ?? page(STATUS_CODES[status] ?? 'Waiting Room'));
  if (body !== undefined) return isJson(body) ? { ...json(status, {}), body } : text(status, body);
  return path === 'graphql' && status === 503
    ? json(503, { message: 'Service temporarily unavailable' })
    : prose(status);
}

const prose = (status: number) => text(status, STATUS_CODES[status] ?? `Status ${status}`);

const isJson = (body: string) => body.startsWith('{');

const page = (title: string) =>
  `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1></html>`;
