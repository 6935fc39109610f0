import { DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { HOUR, nowSeconds, type Setting } from '../design.ts';

/** A connection as one would keep it by hand. */
export interface Row {
  readonly accountId: string;
  readonly status: 'connected' | 'reconnect_required';
  readonly accessToken: string;
  readonly refreshToken: string;
  /** In seconds since the epoch. */
  readonly expiresAt: number;
}

export type Refresh = { readonly refused: true } | { readonly refused: false; readonly row: Row };

/** What those of the designs share that keep a {@link Row}: reading, redeeming, and how a test sets one up. */
export function rows({ at, db, tableName: TableName }: Setting) {
  const client = DynamoDBDocumentClient.from(db);

  async function read(accountId: string): Promise<Row> {
    const { Item } = await client.send(
      new GetCommand({ TableName, Key: { accountId }, ConsistentRead: true }),
    );
    if (Item?.['status'] !== 'connected') throw new Error('not connected');
    return Item as Row;
  }

  /** Sends the refresh token. Rejects without a usable answer. */
  async function redeem({ accountId, refreshToken }: Row): Promise<Refresh> {
    const response = await fetch(`${at.jobberUrl}/api/oauth/token`, {
      method: 'POST',
      signal: AbortSignal.timeout(20_000),
      body: new URLSearchParams({
        client_id: at.clientId,
        client_secret: at.clientSecret,
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
      }),
    });
    if (response.status === 401) return { refused: true };
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const answer = (await response.json()) as Record<string, string>;
    const row: Row = {
      accountId,
      status: 'connected',
      accessToken: answer['access_token'] ?? '',
      refreshToken: answer['refresh_token'] ?? '',
      expiresAt: Date.parse(answer['expires_at'] ?? '') / 1000,
    };
    return { refused: false, row };
  }

  /** Writes the whole row; `ifRefreshToken`: only if that is still the stored one. Rejects if it is not. */
  async function write({ accountId, ...attributes }: Row, ifRefreshToken?: string): Promise<void> {
    const names = Object.keys(attributes);
    await client.send(
      new UpdateCommand({
        TableName,
        Key: { accountId },
        UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
        ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
        ExpressionAttributeValues: {
          ...Object.fromEntries(Object.entries(attributes).map(([n, value]) => [`:${n}`, value])),
          ...(ifRefreshToken && { ':before': ifRefreshToken }),
        },
        ...(ifRefreshToken && { ConditionExpression: 'refreshToken = :before' }),
      }),
    );
  }

  return {
    client,
    read,
    redeem,
    write,
    isFresh: ({ expiresAt }: Row) => expiresAt > nowSeconds() + 60,
    save: (accountId: string, tokens: { accessToken: string; refreshToken: string }) =>
      write({ accountId, status: 'connected', expiresAt: nowSeconds() + HOUR, ...tokens }),
    async expire(accountId: string): Promise<void> {
      await client.send(
        new UpdateCommand({
          TableName,
          Key: { accountId },
          UpdateExpression: 'SET expiresAt = :past',
          ExpressionAttributeValues: { ':past': 0 },
        }),
      );
    },
  };
}
