import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Addresses } from './services.ts';

/** A way to keep connections alive: ours, or one of `baselines/`. */
export interface Design {
  /** Stores the tokens of a new authorization, the access token good for an hour. */
  save(accountId: string, tokens: { accessToken: string; refreshToken: string }): Promise<unknown>;
  /** The access token has expired, as far as the table knows. */
  expire(accountId: string): Promise<void>;
  /** A valid access token, as each caller asks for it. Rejects if there is none. */
  getToken(accountId: string): Promise<string>;
}

export interface Setting {
  readonly at: Addresses;
  readonly db: DynamoDBClient;
  readonly tableName: string;
}

export const nowSeconds = () => Math.floor(Date.now() / 1000);

export const HOUR = 3600;
