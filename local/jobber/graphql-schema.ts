import { buildSchema, executeSync, validate } from 'graphql';
import { type Admin, encodeAccountId, encodeId } from './accounts.ts';
import type { Operation } from './graphql-query.ts';
import type { Account } from './state.ts';

/** As much of Jobber's schema as the simulator answers, in Jobber's names. */
export const schema = buildSchema(`
  type Query {
    account: Account
    user: User!
    clients(first: Int, after: String): ClientConnection!
  }
  type Mutation {
    appDisconnect: AppDisconnectPayload!
    clientCreate(input: ClientCreateInput!): ClientCreatePayload!
  }
  input ClientCreateInput { firstName: String, lastName: String, companyName: String }
  type ClientCreatePayload { client: Client, userErrors: [MutationErrors!]! }
  type Account { id: ID!, name: String! }
  type User { id: ID!, name: Name! }
  type Name { full: String! }
  type AppDisconnectPayload { app: Application, userErrors: [MutationErrors!]! }
  type Application { name: String!, author: String! }
  type MutationErrors { message: String!, path: [String!]! }
  type PageInfo { hasNextPage: Boolean!, hasPreviousPage: Boolean!, startCursor: String, endCursor: String }
  type ClientConnection { nodes: [Client!]!, edges: [ClientEdge!]!, pageInfo: PageInfo!, totalCount: Int! }
  type ClientEdge { node: Client!, cursor: String! }
  type Client {
    id: ID!
    name: String!
    firstName: String!
    lastName: String!
    companyName: String
    isCompany: Boolean!
    isArchived: Boolean!
    isLead: Boolean!
    emails: [Email!]!
    phones: [ClientPhoneNumber!]!
    tags(first: Int, after: String): TagConnection!
    createdAt: String!
    updatedAt: String!
  }
  type Email { address: String!, primary: Boolean! }
  type ClientPhoneNumber { number: String!, primary: Boolean! }
  type TagConnection { nodes: [Tag!]!, edges: [TagEdge!]!, pageInfo: PageInfo!, totalCount: Int! }
  type TagEdge { node: Tag!, cursor: String! }
  type Tag { id: ID!, label: String! }
`);

/** What a connection is taken to hold unless the query says less; and, it is assumed, the most that it answers. */
export const LARGEST_PAGE = 100;

interface PageArguments {
  readonly first?: number | null;
  readonly after?: string | null;
}

export interface Executed {
  readonly data?: unknown;
  readonly errors?: readonly { readonly message: string }[];
}

/** Validates and executes an operation for an account with so many clients. */
export function executeFor(
  account: Account,
  user: Admin,
  clients: number,
  disconnect: () => void,
  { document, definition, variables }: Operation,
): Executed {
  const invalid = validate(schema, document);
  if (invalid.length > 0) return { errors: invalid.map(messageOf) };
  const { data, errors } = executeSync({
    schema,
    document,
    variableValues: variables,
    operationName: definition.name?.value ?? null,
    rootValue: {
      account: () => ({ id: encodeAccountId(account.id), name: account.name }),
      user: () => ({ id: encodeId('User', user.id), name: { full: user.name } }),
      clients: (page: PageArguments) =>
        connection(page, clients, (index) => clientOf(account.id, index)),
      clientCreate: ({ input }: { input: ClientNames }) => createClient(account.id, clients, input),
      appDisconnect() {
        disconnect();
        return { app: { name: 'Simulated app', author: 'Simulated author' }, userErrors: [] };
      },
    },
  });
  return { ...(data !== undefined && { data }), ...(errors && { errors: errors.map(messageOf) }) };
}

const messageOf = ({ message }: { message: string }) => ({ message });

/** Cursor-based, after the Relay specification; an answer holds no more than the largest page. */
function connection<Node>(
  { first, after }: PageArguments,
  totalCount: number,
  nodeAt: (index: number) => Node,
) {
  const start = after == null ? 0 : readCursor(after) + 1;
  const end = Math.min(totalCount, start + Math.min(first ?? LARGEST_PAGE, LARGEST_PAGE));
  const edges = Array.from({ length: Math.max(0, end - start) }, (_, offset) => ({
    node: nodeAt(start + offset),
    cursor: cursorOf(start + offset),
  }));
  return {
    nodes: edges.map(({ node }) => node),
    edges,
    totalCount,
    pageInfo: {
      hasNextPage: end < totalCount,
      hasPreviousPage: start > 0,
      startCursor: edges.at(0)?.cursor,
      endCursor: edges.at(-1)?.cursor,
    },
  };
}

const cursorOf = (index: number) => Buffer.from(String(index)).toString('base64');

function readCursor(cursor: string): number {
  const index = Buffer.from(cursor, 'base64').toString();
  if (!/^\d+$/.test(index)) throw new Error(`'${cursor}' is no cursor`);
  return Number(index);
}

/** Always the same for the same account and index; nothing of it is stored. */
function clientOf(accountId: number, index: number) {
  const number = index + 1;
  const isCompany = index % 4 === 0;
  const day = new Date(Date.UTC(2024, 0, 1 + (index % 366))).toISOString();
  return {
    id: encodeId('Client', accountId * 100_000 + number),
    name: isCompany ? `Company ${number}` : `First ${number} Last ${number}`,
    firstName: `First ${number}`,
    lastName: `Last ${number}`,
    companyName: isCompany ? `Company ${number}` : null,
    isCompany,
    isArchived: index % 20 === 19,
    isLead: index % 10 === 9,
    emails: [{ address: `client-${number}@example.com`, primary: true }],
    phones: index % 3 === 0 ? [] : [{ number: `555-${1_000_000 + number}`, primary: true }],
    tags: (page: PageArguments) =>
      connection(page, index % 3, (tag) => ({
        id: encodeId('Tag', tag + 1),
        label: `Tag ${tag + 1}`,
      })),
    createdAt: day,
    updatedAt: day,
  };
}

interface ClientNames {
  readonly firstName?: string | null;
  readonly lastName?: string | null;
  readonly companyName?: string | null;
}

/** Answers with the new client, but does not keep it. The text for a missing name is assumed. */
function createClient(accountId: number, index: number, input: ClientNames) {
  const { firstName, lastName, companyName } = input;
  const name = companyName || [firstName, lastName].filter(Boolean).join(' ');
  if (!name) {
    const message = 'A first name, a last name or a company name is required';
    return { client: null, userErrors: [{ message, path: ['input', 'firstName'] }] };
  }
  return {
    client: {
      ...clientOf(accountId, index),
      name,
      firstName: firstName ?? '',
      lastName: lastName ?? '',
      companyName,
      isCompany: Boolean(companyName),
    },
    userErrors: [],
  };
}
