import { type Client, createClient } from './client.ts';

/* What the owner's Lambdas import: docs/client.md. */

export type { GetAccessTokenOptions } from './access-tokens.ts';
export { type Client, type ClientOptions, createClient, type DisconnectOptions } from './client.ts';
export type {
  AccessToken,
  ConnectLink,
  ConnectLinkRequest,
  Disconnected,
  GetTokenErrorCode,
} from './contract.ts';
export type { Document } from './document.ts';
export * from './errors.ts';
export type { QueryOptions } from './jobber-client.ts';
export type { Connection, Cursor } from './pages.ts';

/** Reads the environment at the first call, so that importing it needs none. */
const client: Client = /* @__PURE__ */ createClient();

/** {@link Client.getAccessToken} of the client that the environment configures. */
export const getAccessToken: Client['getAccessToken'] = client.getAccessToken;

/** {@link Client.jobberQuery} of the client that the environment configures. */
export const jobberQuery: Client['jobberQuery'] = client.jobberQuery;

/** {@link Client.paginate} of the client that the environment configures. */
export const paginate: Client['paginate'] = client.paginate;

/** {@link Client.disconnect} of the client that the environment configures. */
export const disconnect: Client['disconnect'] = client.disconnect;

/** {@link Client.createConnectLink} of the client that the environment configures. */
export const createConnectLink: Client['createConnectLink'] = client.createConnectLink;
