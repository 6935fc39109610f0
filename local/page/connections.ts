import { type DynamoDBDocumentClient, paginateScan, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { type Connection, isDisconnecting } from '../../shared/tokens/connection.ts';
import { isConnectionId } from '../../shared/tokens/other-items.ts';

/** What the page shows of a connection: no token, not even a sealed one. */
export interface ShownConnection {
  readonly accountId: string;
  readonly accountName: string;
  readonly status: string;
  readonly statusReason: string | undefined;
  readonly ref: string | undefined;
  /** The Jobber user whose grant it is, by Jobber's number. */
  readonly userId: string | undefined;
  readonly rotation: number;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number | undefined;
  readonly leased: boolean;
  readonly disconnecting: boolean;
}

export async function listConnections(
  db: DynamoDBDocumentClient,
  tableName: string,
): Promise<ShownConnection[]> {
  const shown: ShownConnection[] = [];
  for await (const { Items = [] } of paginateScan({ client: db }, { TableName: tableName })) {
    const connections = (Items as Connection[]).filter(({ accountId }) =>
      isConnectionId(accountId),
    );
    shown.push(...connections.map(show));
  }
  return shown.sort((a, b) => a.accountName.localeCompare(b.accountName));
}

function show(connection: Connection): ShownConnection {
  const tokens = connection.status === 'disconnected' ? undefined : connection;
  return {
    accountId: connection.accountId,
    accountName: connection.accountName,
    status: connection.status,
    statusReason: 'statusReason' in connection ? connection.statusReason : undefined,
    ref: connection.ref,
    userId: connection.userId,
    rotation: connection.rotation ?? 0,
    expiresAt: tokens?.accessTokenExpiresAt,
    disconnecting: isDisconnecting(connection),
    leased: (tokens?.leaseExpiresAt ?? 0) > Date.now(),
  };
}

/** Makes the table believe that an hour has passed since the tokens were issued, and since one was refused. */
export async function ageInTable(
  db: DynamoDBDocumentClient,
  tableName: string,
  accountId: string,
): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const Item = { TableName: tableName, Key: { accountId } };
  await db.send(
    new UpdateCommand({
      ...Item,
      UpdateExpression: 'SET accessTokenExpiresAt = :past, refreshedAt = :earlier REMOVE retryAt',
      ConditionExpression: '#status = :active',
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: { ':past': now - 1, ':earlier': now - 3_601, ':active': 'active' },
    }),
  );
  for (const mark of ['refusedAt', 'inDoubtSince']) {
    const age = new UpdateCommand({
      ...Item,
      UpdateExpression: `SET ${mark} = ${mark} - :hour`,
      ConditionExpression: `attribute_exists(${mark})`,
      ExpressionAttributeValues: { ':hour': 3_600_000 },
    });
    await db.send(age).catch((error: Error) => {
      if (error.name !== 'ConditionalCheckFailedException') throw error;
    });
  }
}
