import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { authorizeEndpoint } from './authorize-endpoint.ts';
import { consentMemory } from './consents.ts';
import { type Control, controlEndpoint, controlOf } from './control.ts';
import { answerOf, deliver, elsewhere } from './fault-answers.ts';
import { type FaultQueue, faultQueue, type PendingRequest } from './faults.ts';
import { grantStore } from './grants.ts';
import { graphqlEndpoint } from './graphql.ts';
import { json, type Received, readText, send, text } from './http.ts';
import { listenOnLoopback } from './loopback.ts';
import { marketplace } from './marketplace.ts';
import { hasOwnName, isFromForeignPage, refusalOf } from './own-machine.ts';
import { checkSettings, DEFAULT_SETTINGS, type SimulatorSettings } from './settings.ts';
import { openState } from './state.ts';
import { tokenEndpoint } from './token-endpoint.ts';
import { webhookSender } from './webhooks.ts';

export interface JobberSimulatorOptions extends Partial<SimulatorSettings> {
  /** @default 0, any free port */
  port?: number;
  /** Keeps accounts, grants, tokens and counters over a restart. @default none */
  stateFile?: string;
  /** Milliseconds since the Unix epoch. @default Date.now */
  now?: () => number;
}

/** `settings` and `faults` stand for these functions of the control. */
type Replaced = 'getSettings' | 'changeSettings' | 'pushFaults' | 'pendingFaults' | 'clearFaults';

export interface JobberSimulator extends Omit<Control, Replaced> {
  /** `http://localhost:<port>`, without a slash at the end. */
  readonly url: string;
  /** May be changed at any time. */
  readonly settings: SimulatorSettings;
  readonly faults: Pick<FaultQueue, 'push' | 'pending' | 'clear'>;
  /** Breaks all connections and stops listening. */
  close(): Promise<void>;
}

/**
 * Starts a Jobber of one's own on 127.0.0.1: authorization page, token endpoint, GraphQL and webhooks.
 * @throws Error if the state file is corrupt or the port taken, SimulatorUsageError for wrong settings
 */
export async function startJobberSimulator(
  options: JobberSimulatorOptions = {},
): Promise<JobberSimulator> {
  const { port = 0, stateFile, now = Date.now, ...given } = options;
  const firstSettings = { ...DEFAULT_SETTINGS, ...checkSettings(given) };
  const store = openState(stateFile);
  const { rolledClientSecret: clientSecret } = store.state;
  const settings = { ...firstSettings, ...(clientSecret !== undefined && { clientSecret }) };

  const grants = grantStore(store, settings, now);
  const faults = faultQueue();
  const consents = consentMemory(settings, now);
  const authorize = authorizeEndpoint(settings, grants, consents);
  const token = tokenEndpoint(store, settings, grants);
  const closing = new AbortController();
  const webhooks = webhookSender(settings, now, closing.signal);
  const graphql = graphqlEndpoint(settings, grants, webhooks, now);
  const { forgetLimits } = graphql;
  const control = controlOf({
    store,
    settings,
    firstSettings,
    grants,
    faults,
    webhooks,
    forgetLimits,
    consents,
  });
  const receiveControl = controlEndpoint(control);
  const market = marketplace(settings, grants, consents, control.disconnect);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.parse(request.url ?? '', 'http://localhost');
    const body = await readText(request);
    if (!url) return send(response, text(400, 'The request target is malformed.'));
    if (!hasOwnName(request))
      return send(response, text(403, 'Use localhost or 127.0.0.1 as the host.'));
    if (body === undefined) return send(response, text(413, 'The request body is too large.'));

    const received: Received = {
      method: request.method ?? '',
      url,
      headers: request.headers,
      body,
    };
    if (url.pathname.startsWith('/_simulator/')) {
      const refusal = refusalOf(request);
      if (refusal) return send(response, json(refusal.status, { message: refusal.message }));
      return send(response, receiveControl(received));
    }
    const isForm = ['/api/oauth/authorize', '/marketplace'].includes(url.pathname);
    if (isForm && received.method === 'POST' && isFromForeignPage(request))
      return send(response, text(403, 'This form is not of this site.'));
    switch (`${received.method} ${url.pathname}`) {
      case 'GET /api/oauth/authorize':
        return send(response, authorize.show(received));
      case 'POST /api/oauth/authorize': {
        const decision = authorize.decide(received);
        await store.saved();
        return send(response, decision);
      }
      case 'GET /marketplace':
        return send(response, market.show(received));
      case 'POST /marketplace': {
        const decision = market.act(received);
        await store.saved();
        return send(response, decision);
      }
      case 'POST /api/oauth/token':
        return fulfil(token(received), response);
      case 'POST /api/graphql':
        return fulfil(graphql.receive(received), response);
      case 'GET /elsewhere':
        return send(response, elsewhere());
      default:
        return send(response, text(404, 'There is nothing here.'));
    }
  }

  /** Does the work of a request as the faults have it, and answers once the state is saved. */
  async function fulfil(request: PendingRequest, response: ServerResponse): Promise<void> {
    const { latencyMs, instead, alterations, delivery } = faults.meet(request);
    if (latencyMs > 0) await delay(latencyMs, undefined, { signal: closing.signal });
    if (instead?.kind === 'drop-before') {
      response.destroy();
      return;
    }
    const done = instead ? answerOf(instead, request.path) : request.work(alterations);
    await store.saved();
    const isSpared = delivery?.unlessRefused === true && done.status >= 400;
    await deliver(response, done, isSpared ? undefined : delivery, closing.signal);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => {
      // The client went away, the simulator closes, or the state file could not be written.
      if (request.destroyed && !request.complete) return;
      if (closing.signal.aborted || response.headersSent) response.destroy();
      else send(response, text(500, `The simulator failed: ${error.message}`));
    });
  });
  await listenOnLoopback(server, port);

  return {
    ...control,
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    settings,
    faults,
    async close() {
      closing.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      store.saveNow();
    },
  };
}
