import { createServer, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import type { RemoteControl } from '../../local/jobber/control-client.ts';
import { close, listen } from '../../local/listen.ts';
import type { Attempt, Journal } from './journal.ts';
import { REDEMPTION_HEADER } from './messages.ts';
import type { Passing } from './moments.ts';

const REFRESH_TOKEN = /"refresh_token":"(\w+)"/;

/**
 * Stands between the containers and the simulator, passes everything on as it is, and keeps the journal.
 * The faults are the simulator's own; an answer is read to its end even if nobody waits for it any more.
 */
export async function jobberProxy(
  jobberUrl: string,
  options: {
    readonly control: RemoteControl;
    readonly journal: Journal;
    readonly passing: Passing;
    /** The system's clock. */
    readonly now: () => number;
    /** What a container was invoked with. */
    readonly eventOf: (container: string) => unknown;
    readonly accessTokenLifetime: number;
  },
): Promise<{ url: string; close(): Promise<void> }> {
  const { control, journal, passing, now, eventOf, accessTokenLifetime } = options;
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return;
    const redemption = String(request.headers[REDEMPTION_HEADER]);
    const token = new URLSearchParams(body).get('refresh_token') ?? '';
    const event = eventOf(redemption.split('.')[0] ?? '');
    const attempt = journal.begin({ redemption, token, at: now(), event });
    if (passing(attempt.container, 'before redeem')) {
      end(attempt, 'nothing, unspent');
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
        const isKilled = status === 200 && passing(attempt.container, 'after redeem') === 'killed';
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

  function end(attempt: Attempt, sent: Attempt['sent'], at = now()): void {
    attempt.sent = sent;
    attempt.endedAt = at;
  }

  function conclude(attempt: Attempt, status: number, body: string): void {
    const [, successor] = REFRESH_TOKEN.exec(body) ?? [];
    if (status === 200 && successor !== undefined) {
      end(attempt, 'tokens');
      journal.rotated(attempt, successor, now() + accessTokenLifetime * 1000);
    } else if (status === 401 && body.includes('refresh token')) end(attempt, 'refusal');
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
    const at = now();
    const owner = journal.ownerOf(attempt.token) ?? '';
    const { liveRefreshTokens } = await control.auditAccount(owner);
    const isLive = liveRefreshTokens.includes(attempt.token);
    end(attempt, isLive ? 'nothing, unspent' : 'nothing, spent', at);
  }
}
