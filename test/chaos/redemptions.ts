import { subscribe } from 'node:diagnostics_channel';
import { type FromWorker, REDEMPTION_HEADER } from './messages.ts';

interface Request {
  readonly method: string;
  readonly path: string;
  addHeader(name: string, value: string): void;
}

/**
 * Names every redemption of this process on the wire and tells the harness how far it got, as the HTTP
 * client saw it and not as the product judged it.
 */
export function watchRedemptions(worker: string, tell: (message: FromWorker) => void) {
  const invocations = new Set<number>();
  const names = new WeakMap<object, string>();
  /** The invocations that may have made a redemption, until they have ended. */
  const makers = new Map<string, Set<number>>();
  let redemptions = 0;
  let invoked = 0;

  subscribe('undici:request:create', (message) => {
    const { request } = message as { request: Request };
    if (request.method !== 'POST' || request.path !== '/api/oauth/token') return;
    const name = `${worker}.${++redemptions}`;
    names.set(request, name);
    makers.set(name, new Set(invocations));
    request.addHeader(REDEMPTION_HEADER, name);
  });
  subscribe('undici:request:trailers', (message) => {
    const redemption = names.get((message as { request: Request }).request);
    if (redemption !== undefined) tell({ kind: 'answered', redemption });
  });

  return {
    async during<T>(invocation: () => Promise<T>): Promise<T> {
      const id = ++invoked;
      invocations.add(id);
      try {
        return await invocation();
      } finally {
        invocations.delete(id);
        for (const [redemption, open] of makers) {
          if (!open.delete(id) || open.size > 0) continue;
          makers.delete(redemption);
          tell({ kind: 'settled', redemption });
        }
      }
    },
    get underWay() {
      return invocations.size;
    },
  };
}
