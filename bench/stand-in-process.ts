import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { encodeAccountId } from '../local/jobber/accounts.ts';
import { listen } from '../local/listen.ts';
import { serve } from './serve.ts';

/*
 * Stands for the table and the queue of a sweep: any number of connections, none of them stored. A table of a million would
 * take longer to fill than the sweep to read, and would share the machine with it.
 */

export interface StandIn {
  /** In each warm slot. */
  readonly perSlot: number;
}

/** Messages accepted since it was last asked. */
export type Accepted = number;

type Body = Record<string, unknown>;

let perSlot = 0;
let accepted = 0;

const answers: Record<string, (body: Body) => object> = {
  GetItem: () => ({}),
  UpdateItem: () => ({}),
  Query: queryPage,
  SendMessageBatch: ({ Entries }) => {
    const entries = Entries as { Id: string; MessageBody: string }[];
    accepted += entries.length;
    return {
      Successful: entries.map(({ Id, MessageBody }) => ({
        Id,
        MessageId: Id,
        // The SDK compares it.
        MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
      })),
    };
  },
};

/** Its start key says how many entries of the slot came before. */
function queryPage({ ExpressionAttributeValues, ExclusiveStartKey, Limit }: Body): object {
  const { ':slot': slot } = ExpressionAttributeValues as Record<string, { S?: string }>;
  const size = slot?.S?.startsWith('warm/') ? perSlot : 0;
  const { before } = (ExclusiveStartKey ?? {}) as { before?: { N: string } };
  const first = Number(before?.N ?? 0);
  const count = Math.min(size - first, Number(Limit));
  const Items = Array.from({ length: count }, (_, index) => ({
    accountId: { S: encodeAccountId(10_000_000 + first + index) },
    sweepSlot: slot,
  }));
  const isLast = first + count === size;
  return {
    Items,
    Count: count,
    ...(!isLast && { LastEvaluatedKey: { before: { N: String(first + count) } } }),
  };
}

const server = createServer(async (request, response) => {
  const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
  const body = JSON.parse(await text(request)) as Body;
  response.setHeader('content-type', 'application/x-amz-json-1.0');
  response.end(JSON.stringify(answers[operation]?.(body)));
});

const url = `http://127.0.0.1:${await listen(server, 0)}`;
serve(
  async (standIn: StandIn): Promise<Accepted> => {
    const before = accepted;
    accepted = 0;
    ({ perSlot } = standIn);
    return before;
  },
  { url },
);
