import { GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { Setting } from '../design.ts';

/** With `conditions`, the two writes carry those of the protocol: what the table itself takes for them. */
export interface RawOptions {
  readonly conditions: boolean;
}

/**
 * What the operations cannot do without, on items as ours are: one read; two writes and a POST. Nothing is sealed,
 * opened or checked, and no error is handled.
 */
export function raw({ at, db, tableName: TableName }: Setting, { conditions }: RawOptions) {
  return { read, refresh, takeLease, store };

  async function read(accountId: string): Promise<void> {
    const Key = { accountId: { S: accountId } };
    await db.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
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
    const answer = (await response.json()) as { access_token: string; refresh_token: string };
    await store(accountId, answer.access_token, answer.refresh_token);
    return answer.refresh_token;
  }

  async function takeLease(accountId: string): Promise<void> {
    const now = Date.now();
    await db.send(
      new UpdateItemCommand({
        TableName,
        Key: { accountId: { S: accountId } },
        UpdateExpression: 'SET leaseId = :lease, leaseExpiresAt = :until',
        ExpressionAttributeValues: {
          ':lease': { S: 'sixteen letters.' },
          ':until': { N: String(now) },
          ...(conditions && {
            ':active': { S: 'active' },
            ':now': { N: String(now) },
            ':latest': { N: String(now + 60_000) },
            ':latestRetry': { N: String(now + 120_000) },
            ':escrowOver': { N: String(now - 10_800_000) },
            ':horizon': { N: String(now) },
          }),
        },
        ...(conditions && {
          ConditionExpression:
            '#status = :active AND (attribute_not_exists(leaseExpiresAt) OR leaseExpiresAt < :now OR ' +
            'leaseExpiresAt > :latest) AND (attribute_not_exists(retryAt) OR retryAt <= :now OR ' +
            'retryAt > :latestRetry) AND (attribute_not_exists(escrowedAt) OR escrowedAt <= :escrowOver OR ' +
            'escrowedAt > :latest) AND accessTokenExpiresAt <= :horizon',
          ExpressionAttributeNames: { '#status': 'status' },
        }),
        ReturnValues: 'ALL_OLD',
      }),
    );
  }

  async function store(
    accountId: string,
    accessToken: string,
    refreshToken: string,
  ): Promise<void> {
    await db.send(
      new UpdateItemCommand({
        TableName,
        Key: { accountId: { S: accountId } },
        UpdateExpression:
          'SET accessToken = :accessToken, refreshToken = :refreshToken, accessTokenExpiresAt = :expiresAt, ' +
          'refreshedAt = :now, rotation = rotation + :one REMOVE leaseId, leaseExpiresAt',
        ExpressionAttributeValues: {
          ':accessToken': { B: Buffer.from(accessToken) },
          ':refreshToken': { B: Buffer.from(refreshToken) },
          ':expiresAt': { N: String(Math.floor(Date.now() / 1000) + 3600) },
          ':now': { N: String(Math.floor(Date.now() / 1000)) },
          ':one': { N: '1' },
        },
        ...(conditions && { ConditionExpression: 'attribute_exists(refreshToken)' }),
      }),
    );
  }
}
