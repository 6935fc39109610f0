import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { Context } from 'aws-lambda';
// In a project of yours: from 'jobber-tokens/client'.
import { type Connection, type Cursor, type Document, paginate } from '../shared/client/index.ts';

interface Client {
  readonly id: string;
  readonly name: string;
  readonly companyName: string | null;
  readonly emails: readonly { readonly address: string; readonly primary: boolean }[];
  readonly phones: readonly { readonly number: string; readonly primary: boolean }[];
  readonly updatedAt: string;
}

interface ClientsResult {
  readonly clients: Connection & { readonly nodes: readonly Client[] };
}

/** 1,003 points a page; an account has 10,000, and 500 come back each second (Jobber, "API Rate Limits"). */
const CLIENTS: Document<ClientsResult, Cursor> = `
  query SyncClients($after: String) {
    clients(first: 100, after: $after) {
      nodes {
        id name companyName updatedAt
        emails { address primary }
        phones { number primary }
      }
      pageInfo { hasNextPage endCursor }
    }
  }`;

export interface SyncRequest {
  readonly accountId: string;
  /** Where an earlier run stopped. */
  readonly after?: string | undefined;
}

export interface SyncResult {
  readonly copied: number;
  /** Set if the time did not suffice: the request to go on with. */
  readonly next?: SyncRequest;
}

const STOP_BEFORE_THE_END_MS = 10_000;
/** For people who wait for an answer about the same account. */
const LEAVE_POINTS = 2_000;

const table = DynamoDBDocumentClient.from(new DynamoDBClient());

/**
 * Copies all clients of an account into the table `CLIENTS_TABLE`, key `accountId` and `clientId`. Whoever invokes it
 * again with the `next` of the answer, such as a state machine, gets on from there.
 */
export async function handler(request: SyncRequest, context: Context): Promise<SyncResult> {
  const { accountId, after } = request;
  let copied = 0;
  const options = { leavePoints: LEAVE_POINTS };
  const pages = paginate(accountId, CLIENTS, { after }, ({ clients }) => clients, options);
  for await (const page of pages) {
    await Promise.all(page.nodes.map((client) => save(accountId, client)));
    copied += page.nodes.length;

    const { hasNextPage, endCursor } = page.pageInfo;
    if (hasNextPage && context.getRemainingTimeInMillis() < STOP_BEFORE_THE_END_MS)
      return { copied, next: { accountId, after: endCursor ?? undefined } };
  }
  return { copied };
}

/** The same client written twice is the same item, so that a repeated page does no harm. */
function save(accountId: string, { id, ...client }: Client) {
  return table.send(
    new PutCommand({
      TableName: process.env['CLIENTS_TABLE'],
      Item: { accountId, clientId: id, ...client },
    }),
  );
}
