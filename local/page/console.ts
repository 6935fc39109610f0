import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Aside } from '../http-front.ts';
import { adminsOf } from '../jobber/accounts.ts';
import type { AccountAudit } from '../jobber/audit.ts';
import { readBody } from '../jobber/http.ts';
import { refusalOf } from '../jobber/own-machine.ts';
import { type PageDependencies, pageActions } from './actions.ts';
import { listConnections, type ShownConnection } from './connections.ts';

const files: Record<string, { type: string; name: string }> = {
  '/': { type: 'text/html; charset=utf-8', name: 'page.html' },
  '/_local/page.css': { type: 'text/css', name: 'page.css' },
  '/_local/page.js': { type: 'text/javascript', name: 'page.js' },
};

/** The page at `/` and what it asks for below `/_local/`; only for pages and programs of this machine. */
export function consolePage(dependencies: PageDependencies): Aside {
  const { url, db, tableName, simulator, log, key } = dependencies;
  const actions = pageActions(dependencies);

  return async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    if (pathname !== '/' && !pathname.startsWith('/_local/')) return false;
    const refusal = refusalOf(request);
    if (refusal) {
      json(response, refusal.status, { message: refusal.message });
      return true;
    }
    if (key !== undefined && !hasKey(request, key)) {
      const isGiven = pathname === '/' && isSame(searchParams.get('key') ?? '', key);
      if (isGiven) response.writeHead(302, { location: '/', 'set-cookie': keyCookie(key) }).end();
      else json(response, 403, { message: 'Open the address that npm start has printed.' });
      return true;
    }
    const file = files[pathname];
    if (file) {
      response.writeHead(200, { 'content-type': file.type, ...SECURITY });
      response.end(readFileSync(new URL(file.name, import.meta.url)));
    } else if (pathname === '/_local/state') {
      json(response, 200, await state());
    } else if (pathname === '/_local/connect') {
      const link = await actions.connect();
      response.writeHead(302, { location: link.ok ? link.url : '/' });
      response.end();
    } else {
      await act(pathname.slice('/_local/'.length), request, response);
    }
    return true;
  };

  async function state() {
    return {
      now: Date.now(),
      marketplace: simulator && `${simulator.url}/marketplace`,
      connections: (await listConnections(db, tableName)).map((connection) => ({
        ...connection,
        connector: connectorOf(connection, simulator?.audit().accounts),
      })),
      log: log.entries(),
    };
  }

  async function act(name: string, request: IncomingMessage, response: ServerResponse) {
    const action = Object.hasOwn(actions, name) ? actions[name as keyof typeof actions] : undefined;
    if (!action || request.method !== 'POST') {
      return json(response, 404, { message: 'There is no such action.' });
    }
    const body = parseObject((await readBody(request)) || '{}');
    if (!body) return json(response, 400, { message: 'The body must be a JSON object.' });
    try {
      json(response, 200, await action({ accountId: '', name: body['accountId'] ?? '', ...body }));
    } catch (error) {
      log.note(`${name}: ${(error as Error).message}`, 'bad');
      json(response, 500, { message: (error as Error).message });
    }
  }
}

/* The key, with real credentials: other users of this machine must not disconnect anybody. */
const KEY_COOKIE = 'jobber_tokens_local_key';

const keyCookie = (key: string) => `${KEY_COOKIE}=${key}; Path=/; HttpOnly; SameSite=Strict`;

const hasKey = ({ headers }: IncomingMessage, key: string): boolean =>
  (headers.cookie ?? '')
    .split('; ')
    .some((each) => each.startsWith(`${KEY_COOKIE}=`) && isSame(each, `${KEY_COOKIE}=${key}`));

function isSame(given: string, key: string): boolean {
  const [one, other] = [given, key].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(one as Buffer, other as Buffer);
}

/** The simulator knows names; Jobber itself is not asked. */
function connectorOf({ accountId, userId }: ShownConnection, accounts: AccountAudit[] = []) {
  const account = accounts.find(({ encodedId }) => encodedId === accountId);
  const admin = account && adminsOf(account).find(({ id }) => String(id) === userId);
  return admin ? `${admin.name} (${admin.id})` : userId;
}

function parseObject(text: string): Record<string, string> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, string>)
      : undefined;
  } catch {
    return undefined;
  }
}

const SECURITY = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
};

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
