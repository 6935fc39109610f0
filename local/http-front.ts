import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { routes } from '../functions/manifest.ts';
import type { Invoke } from './functions.ts';
import { readBody } from './jobber/http.ts';

/** As API Gateway takes. */
const MOST_BYTES = 10_000_000;

/** What else the front serves; returns whether it did. */
export type Aside = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

/** What API Gateway's HTTP API does: routes, events with payload 2.0, cookies apart. */
export function httpFront(invoke: Invoke, aside: Aside) {
  return createServer(async (request, response) => {
    try {
      if (await aside(request, response)) return;
      const url = new URL(request.url ?? '/', 'http://localhost');
      const name = routes[`${request.method} ${url.pathname}`];
      if (!name) {
        response.writeHead(404, { 'content-type': 'application/json' });
        response.end('{"message":"Not Found"}');
        return;
      }
      const body = await readBody(request, MOST_BYTES);
      if (!body) return void response.writeHead(413).end();
      const result = await invoke(name, toEvent(request, url, body));
      send(response, result as APIGatewayProxyStructuredResultV2);
    } catch {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'application/json' });
      response.end('{"message":"Internal Server Error"}');
    }
  });
}

function toEvent(request: IncomingMessage, url: URL, body: Buffer): APIGatewayProxyEventV2 {
  const routeKey = `${request.method} ${url.pathname}`;
  const { cookie, ...headers } = request.headers;
  const query: Record<string, string> = {};
  for (const [name, value] of url.searchParams) {
    query[name] = query[name] === undefined ? value : `${query[name]},${value}`;
  }
  return {
    version: '2.0',
    routeKey,
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    ...(cookie !== undefined && { cookies: cookie.split('; ') }),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, String(value)]),
    ),
    ...(Object.keys(query).length > 0 && { queryStringParameters: query }),
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      domainName: 'localhost',
      domainPrefix: 'localhost',
      http: {
        method: request.method ?? 'GET',
        path: url.pathname,
        protocol: 'HTTP/1.1',
        sourceIp: '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: crypto.randomUUID(),
      routeKey,
      stage: '$default',
      time: new Date().toISOString(),
      timeEpoch: Date.now(),
    },
    ...(body.length > 0 && { body: body.toString('base64') }),
    isBase64Encoded: body.length > 0,
  };
}

function send(response: ServerResponse, result: APIGatewayProxyStructuredResultV2): void {
  const { statusCode = 200, headers = {}, cookies, body = '', isBase64Encoded } = result;
  response.writeHead(statusCode, {
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    ...(cookies && { 'set-cookie': cookies }),
  });
  response.end(isBase64Encoded ? Buffer.from(body, 'base64') : body);
}
