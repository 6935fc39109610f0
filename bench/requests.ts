import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';

export type Requests = Record<string, number>;

/**
 * Counts what this process sends from now on, whatever library sends it: the operations of AWS by their name, and
 * `POST` for requests to the token endpoint. Returns a function that tells the counts since it was last asked.
 */
export function countRequests(): () => Requests {
  let counts: Requests = {};
  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  subscribe('http.client.request.start', (message) => {
    const { request } = message as { request: ClientRequest };
    const target = request.getHeader('x-amz-target');
    if (typeof target === 'string') count(target.split('.').at(-1) ?? target);
    else if (request.path === '/api/oauth/token') count('POST');
  });
  subscribe('undici:request:create', (message) => {
    const { request } = message as { request: { path: string } };
    if (request.path === '/api/oauth/token') count('POST');
  });
  return () => {
    const counted = counts;
    counts = {};
    return counted;
  };
}

const TABLE_OPERATIONS = ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query'];

/** Of them, those to DynamoDB. */
export const tableCalls = (requests: Requests): number =>
  TABLE_OPERATIONS.reduce((sum, name) => sum + (requests[name] ?? 0), 0);
