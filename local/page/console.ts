import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Aside } from '../http-front.ts';
import { adminsOf } from '../jobber/accounts.ts';
import type { AccountAudit } from '../jobber/audit.ts';
import { readText } from '../jobber/http.ts';
import { refusalOf } from '../jobber/own-machine.ts';
import { isSameText } from '../same-text.ts';
import { type PageDependencies, pageActions } from './actions.ts';
import { listConnections, type ShownConnection } from './connections.ts';

const files: Record<string, { type: string; name: string }> = {
  '/': { type: 'text/html; charset=utf-8', name: 'page.html' },
  '/_local/page.css': { type: 'text/css', name: 'page.css' },
  '/_local/page.js': { type: 'text/javascript', name: 'page.js' },
};

/** The page at `/` and what it asks for below `/_local/`; only for pages and programs of this machine. */
export function consolePage(dependencies: PageDependencies): Aside {
  const { url, db, tableName, simulator, lambda, log, key } = dependencies;
  const actions = pageActions(dependencies);

  return async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', url);
    if (pathname !== '/' && !pathname.startsWith('/_local/')) return false;
    const refusal = refusalOf(request);
    if (refusal) {
      json(response, refusal.status, { message: refusal.message });
      return true;
    }
    const file = files[pathname];
    if (file) {
      response.writeHead(200, { 'content-type': file.type, ...SECURITY });
      response.end(readFileSync(new URL(file.name, import.meta.url)));
    } else if (key !== undefined && !hasKey(request, key)) {
      json(response, 403, { message: 'The page needs the key that npm start has printed.' });
    } else if (pathname === '/_local/state') {
      json(response, 200, await state());
    } else if (pathname === '/_local/connect' && request.method === 'GET') {
      const link = await actions.connect();
      response.writeHead(302, { location: link.ok ? link.url : '/' });
      response.end();
    } else {
      await act(pathname.slice('/_local/'.length), request, response);
    }
    return true;
  };

  async function state() {
    const accounts = simulator?.audit().accounts;
    return {
      now: Date.now(),
      syncs: lambda.has('sync-clients'),
      marketplace: simulator && `${simulator.url}/marketplace`,
      connections: (await listConnections(db, tableName)).map((connection) => ({
        ...connection,
        connector: connectorOf(connection, accounts),
      })),
      log: log.entries(),
    };
  }

  async function act(name: string, request: IncomingMessage, response: ServerResponse) {
    const action = Object.hasOwn(actions, name) ? actions[name as keyof typeof actions] : undefined;
    if (!action || request.method !== 'POST') {
      return json(response, 404, { message: 'There is no such action.' });
    }
    const text = await readText(request);
    if (text === undefined) return json(response, 413, { message: 'The body is too large.' });
    const body = parseObject(text || '{}');
    if (!body) return json(response, 400, { message: 'The body must be a JSON object.' });
    try {
      json(response, 200, await action({ accountId: '', name: body['accountId'] ?? '', ...body }));
    } catch (error) {
      log.note(`${name}: ${(error as Error).message}`, 'bad');
      json(response, 500, { message: (error as Error).message });
    }
  }
}

/**
 * With real credentials the page sends a key: other users of this machine must not disconnect anybody. Not in a cookie, which
 * a browser sends to every port of this host.
 */
const hasKey = ({ headers }: IncomingMessage, key: string): boolean =>
  isSameText(String(headers['x-local-key'] ?? ''), key);

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
