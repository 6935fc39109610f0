import { createServer, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import type { RemoteControl } from '../../local/jobber/control-client.ts';
import { close, listen } from '../../local/listen.ts';
import type { Attempt, Journal } from './journal.ts';
import { REDEMPTION_HEADER } from './messages.ts';
import type { Passing } from './moments.ts';

const REFRESH_TOKEN = /"refresh_token":"(\w+)"/;

/**
 * Stands between the workers and the simulator, passes everything on as it is, and keeps the journal.
 * The faults are the simulator's own; an answer is read to its end even if nobody waits for it any more.
 */
export async function jobberProxy(
  jobberUrl: string,
  options: {
    readonly control: RemoteControl;
    readonly journal: Journal;
    readonly passing: Passing;
    readonly now: () => number;
  },
): Promise<{ url: string; close(): Promise<void> }> {
  const { control, journal, passing, now } = options;
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return;
    const redemption = String(request.headers[REDEMPTION_HEADER]);
    const token = new URLSearchParams(body).get('refresh_token') ?? '';
    const attempt = journal.begin(redemption, token, now());
    if (passing(attempt.worker, 'before redeem')) {
      attempt.sent = 'nothing, unspent';
      response.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    const failed = () => {
      response.destroy();
      breakOff(attempt, Buffer.concat(chunks).toString());
    };
    const forwarded = httpRequest(
      new URL(request.url ?? '', jobberUrl),
      { method: 'POST', headers: request.headers },
      (answer) => {
        const { statusCode: status = 502, headers } = answer;
        const isKilled = status === 200 && passing(attempt.worker, 'after redeem') === 'killed';
        if (isKilled) response.destroy();
        else response.writeHead(status, headers).flushHeaders();
        answer.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          if (!response.destroyed) response.write(chunk);
        });
        answer.on('end', () => {
          conclude(attempt, status, Buffer.concat(chunks).toString());
          response.end();
        });
        answer.on('error', failed);
      },
    );
    forwarded.on('error', failed);
    forwarded.end(body);
  });
  const url = `http://127.0.0.1:${await listen(server, 0)}`;
  return { url, close: () => close(server) };

  function conclude(attempt: Attempt, status: number, body: string): void {
    const [, successor] = REFRESH_TOKEN.exec(body) ?? [];
    if (status === 200 && successor !== undefined) journal.rotated(attempt, successor);
    else if (status === 401 && body.includes('refresh token')) attempt.sent = 'refusal';
    else without(attempt);
  }

  /** Half an answer can hold a whole token. */
  function breakOff(attempt: Attempt, body: string): void {
    const [, successor] = REFRESH_TOKEN.exec(body) ?? [];
    if (successor !== undefined) journal.issued(successor, journal.ownerOf(attempt.token) ?? '');
    without(attempt);
  }

  /** No tokens came; Jobber may have issued some all the same. */
  async function without(attempt: Attempt): Promise<void> {
    const owner = journal.ownerOf(attempt.token) ?? '';
    const { liveRefreshTokens } = await control.auditAccount(owner);
    const isLive = liveRefreshTokens.includes(attempt.token);
    attempt.sent = isLive ? 'nothing, unspent' : 'nothing, spent';
  }
}
