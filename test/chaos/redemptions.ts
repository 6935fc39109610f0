import { subscribe } from 'node:diagnostics_channel';
import { type FromContainer, REDEMPTION_HEADER } from './messages.ts';

interface Request {
  readonly method: string;
  readonly path: string;
  addHeader(name: string, value: string): void;
}

/**
 * Names every redemption of this process on the wire and tells the harness how far it got, as the HTTP
 * client saw it and not as the product judged it.
 */
export function watchRedemptions(container: string, tell: (message: FromContainer) => void) {
  const names = new WeakMap<object, string>();
  let ofThisInvocation: string[] = [];
  let redemptions = 0;

  subscribe('undici:request:create', (message) => {
    const { request } = message as { request: Request };
    if (request.method !== 'POST' || request.path !== '/api/oauth/token') return;
    const name = `${container}.${++redemptions}`;
    names.set(request, name);
    ofThisInvocation.push(name);
    request.addHeader(REDEMPTION_HEADER, name);
  });
  subscribe('undici:request:trailers', (message) => {
    const redemption = names.get((message as { request: Request }).request);
    if (redemption !== undefined) tell({ kind: 'answered', redemption });
  });

  return {
    async during<T>(invocation: () => Promise<T>): Promise<T> {
      try {
        return await invocation();
      } finally {
        for (const redemption of ofThisInvocation) tell({ kind: 'settled', redemption });
        ofThisInvocation = [];
      }
    },
  };
}
