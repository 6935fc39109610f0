import { GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { Setting } from '../design.ts';

/**
 * What the operations cannot do without, and nothing else: one read; two writes and a POST. No condition, no sealing,
 * no error handled.
 */
export function raw({ at, db, tableName }: Setting) {
  return { read, refresh, takeLease, store };

  async function read(accountId: string): Promise<string | undefined> {
    const { Item } = await db.send(
      new GetItemCommand({
        TableName: tableName,
        Key: { accountId: { S: accountId } },
        ConsistentRead: true,
      }),
    );
    return Item?.['refreshToken']?.S;
  }

  /** Returns the successor. */
  async function refresh(accountId: string, refreshToken: string): Promise<string> {
    await takeLease(accountId);
    const response = await fetch(`${at.jobberUrl}/api/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        client_id: at.clientId,
        client_secret: at.clientSecret,
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
      }),
    });
    const { access_token, refresh_token } = (await response.json()) as Record<string, string>;
    await store(accountId, access_token ?? '', refresh_token ?? '');
    return refresh_token ?? '';
  }

  async function takeLease(accountId: string): Promise<void> {
    await db.send(
      new UpdateItemCommand({
        TableName: tableName,
        Key: { accountId: { S: accountId } },
        UpdateExpression: 'SET leaseId = :lease',
        ExpressionAttributeValues: { ':lease': { S: 'sixteen letters!' } },
        ReturnValues: 'ALL_OLD',
      }),
    );
  }

  /** Moves the index entry, as every refresh does. */
  async function store(accountId: string, accessToken: string, refreshToken: string): Promise<void> {
    await db.send(
      new UpdateItemCommand({
        TableName: tableName,
        Key: { accountId: { S: accountId } },
        UpdateExpression:
          'SET accessToken = :access, refreshToken = :refresh, accessTokenExpiresAt = :at, sweepShard = :shard REMOVE leaseId',
        ExpressionAttributeValues: {
          ':access': { S: accessToken },
          ':refresh': { S: refreshToken },
          ':at': { N: String(Date.now()) },
          ':shard': { N: String(accountId.length % 8) },
        },
      }),
    );
  }
}
