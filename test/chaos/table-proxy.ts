import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { close, listen } from '../../local/listen.ts';
import { BREAKER_ID } from '../../shared/tokens/other-items.ts';
import type { BreakerWatch } from './breaker-watch.ts';
import type { Passing } from './moments.ts';
import type { Random } from './random.ts';

export const TABLE_FAULTS = [
  'slow',
  'throttled',
  'error 500',
  'dropped',
  'no answer',
  'applied, reply dropped',
  'applied, no answer',
] as const;

export interface TableFault {
  readonly kind: (typeof TABLE_FAULTS)[number];
  /** `stores`: only the writes that replace a refresh token. */
  readonly scope: 'all' | 'writes' | 'stores';
  /** Of the requests in scope, how many it meets; 1: an outage. */
  readonly share: number;
}

export interface TableProxy {
  readonly url: string;
  /** How many requests each kind has met. */
  readonly met: Record<string, number>;
  /** How many uses were noted, and how many connections moved to another slot. */
  readonly written: Readonly<Record<'noteUse' | 'move', number>>;
  /** Until the returned function is called. */
  begin(fault: TableFault): () => void;
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

type Fate = 'broken' | 'silence';

const CONTAINER = / app\/(\w+)/;
const WRITE = /\.(Update|Put|Delete)Item$/;

/** Stands between the containers and the table: all that a network, a busy or a failing table does to a request. */
export async function tableProxy(
  tableUrl: string,
  options: { random: Random; slowMs: number; passing: Passing; breaker: BreakerWatch },
): Promise<TableProxy> {
  const { random, slowMs, passing, breaker } = options;
  const agent = new Agent({ keepAlive: true });
  let lastBreakerWrite: Promise<unknown> = Promise.resolve();
  const faults = new Set<TableFault>();
  const met: Record<string, number> = {};
  const written = { noteUse: 0, move: 0 };

  function meet(body: string, target: string): TableFault['kind'] | undefined {
    const step = stepOf(body);
    for (const { kind, scope, share } of faults) {
      const inScope =
        scope === 'all' || (scope === 'writes' ? target.includes('Update') : step === 'store');
      if (!inScope || random.next() >= share) continue;
      met[kind] = (met[kind] ?? 0) + 1;
      return kind;
    }
    return undefined;
  }

  /** One write of the breaker's item at a time, so that its states are seen in their order. */
  async function pass(container: string, headers: IncomingHttpHeaders, body: Buffer) {
    const send = () => exchange(tableUrl, agent, headers, body);
    if (!body.includes(BREAKER_ID)) return send();
    if (!WRITE.test(String(headers['x-amz-target']))) {
      const reply = await send();
      breaker.read(container);
      return reply;
    }
    const write = lastBreakerWrite.then(async () => {
      const reply = await send();
      const { TableName } = JSON.parse(body.toString());
      const Key = { accountId: { S: BREAKER_ID } };
      const get = Buffer.from(JSON.stringify({ TableName, Key, ConsistentRead: true }));
      const read = await exchange(
        tableUrl,
        agent,
        {
          ...headers,
          'x-amz-target': 'DynamoDB_20120810.GetItem',
          'content-length': String(get.length),
        },
        get,
      );
      breaker.wrote(container, JSON.parse(read.body.toString()).Item);
      return reply;
    });
    lastBreakerWrite = write.catch(() => undefined);
    return write;
  }

  /** What the container gets to see of its request. */
  async function answer({ headers }: IncomingMessage, body: Buffer): Promise<Reply | Fate> {
    const text = body.toString();
    const [, container = ''] = CONTAINER.exec(String(headers['user-agent'])) ?? [];
    const step = stepOf(text);
    if (step && passing(container, `before ${step}`)) return 'broken';
    const fault = meet(text, String(headers['x-amz-target']));
    switch (fault) {
      case 'dropped':
        return 'broken';
      case 'no answer':
        return 'silence';
      case 'throttled':
        return failure(400, 'ProvisionedThroughputExceededException');
      case 'error 500':
        return failure(500, 'InternalServerError');
      case 'slow':
        await new Promise((resolve) => setTimeout(resolve, slowMs));
    }
    const reply = await pass(container, headers, body);
    const use = useWriteOf(text);
    if (use && reply.status === 200) written[use]++;
    const hit = step && reply.status === 200 && passing(container, `after ${step}`);
    if (hit === 'killed' || fault === 'applied, reply dropped') return 'broken';
    return fault === 'applied, no answer' ? 'silence' : reply;
  }

  const server = createServer(async (request, response) => {
    const reply = await buffer(request)
      .then((body) => answer(request, body))
      .catch((): Fate => 'broken');
    if (reply === 'broken') response.destroy();
    else if (reply !== 'silence') response.writeHead(reply.status, reply.headers).end(reply.body);
  });
  return {
    url: `http://127.0.0.1:${await listen(server, 0)}`,
    met,
    written,
    begin(fault) {
      faults.add(fault);
      return () => faults.delete(fault);
    },
    close: () => close(server),
  };
}

/** Which of the protocol's two decisive writes this is, by its expression. */
function stepOf(body: string): 'claim' | 'store' | undefined {
  if (body.includes('SET leaseId = :lease')) return 'claim';
  return body.includes('refreshToken = :refreshToken') ? 'store' : undefined;
}

/** The writes that touch nothing but the use and the slot, by their expressions. */
function useWriteOf(body: string): 'noteUse' | 'move' | undefined {
  if (body.includes('SET usedAt = :now')) return 'noteUse';
  return body.includes('"SET sweepSlot = :slot"') ? 'move' : undefined;
}

function exchange(
  url: string,
  agent: Agent,
  headers: IncomingHttpHeaders,
  body: Buffer,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = { ...headers, host: new URL(url).host };
    const forwarded = httpRequest(
      url,
      { method: 'POST', agent, headers: sent },
      async (response) => {
        try {
          const { statusCode: status = 502, headers } = response;
          resolve({ status, headers, body: await buffer(response) });
        } catch (error) {
          reject(error);
        }
      },
    );
    forwarded.on('error', reject);
    forwarded.end(body);
  });
}

const failure = (status: number, type: string): Reply => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: Buffer.from(
    JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'chaos' }),
  ),
});
