import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { AuthorizationCode } from 'simple-oauth2';
import { type Design, HOUR, nowSeconds, type Setting } from '../design.ts';

/**
 * The common Lambda: an OAuth library and a table. Read, refresh if expired, write. A refusal is taken for what Jobber
 * says it is, a connection that is no longer valid.
 */
export function simpleOauth2({ at, db, tableName: TableName }: Setting): Design {
  const client = DynamoDBDocumentClient.from(db);
  const oauth = new AuthorizationCode({
    client: { id: at.clientId, secret: at.clientSecret },
    auth: { tokenHost: at.jobberUrl, tokenPath: '/api/oauth/token' },
    options: { authorizationMethod: 'body' },
  });

  async function getToken(accountId: string): Promise<string> {
    const { Item } = await client.send(new GetCommand({ TableName, Key: { accountId } }));
    if (Item?.['status'] !== 'connected') throw new Error('not connected');
    let accessToken = oauth.createToken(Item['token']);
    if (accessToken.expired(60)) {
      try {
        accessToken = await accessToken.refresh();
      } catch (error) {
        if (isRefusal(error)) await mark(accountId);
        throw error;
      }
      await save(accountId, accessToken.token);
    }
    return String(accessToken.token['access_token']);
  }

  /** JSON has the date as a string, which the library reads back. */
  async function save(accountId: string, token: object): Promise<void> {
    const Item = { accountId, status: 'connected', token: JSON.parse(JSON.stringify(token)) };
    await client.send(new PutCommand({ TableName, Item }));
  }

  async function mark(accountId: string): Promise<void> {
    await client.send(
      new UpdateCommand({
        TableName,
        Key: { accountId },
        UpdateExpression: 'SET #status = :disconnected',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':disconnected': 'disconnected' },
      }),
    );
  }

  return {
    getToken,
    save: (accountId, { accessToken, refreshToken }) =>
      save(accountId, {
        access_token: accessToken,
        refresh_token: refreshToken,
        expires_at: new Date((nowSeconds() + HOUR) * 1000),
      }),
    async expire(accountId) {
      await client.send(
        new UpdateCommand({
          TableName,
          Key: { accountId },
          UpdateExpression: 'SET #token.expires_at = :past',
          ExpressionAttributeNames: { '#token': 'token' },
          ExpressionAttributeValues: { ':past': new Date(0).toISOString() },
        }),
      );
    },
  };
}

/** Jobber's refusal is plain text, which the library reports as 406; the answer's own status is with the error. */
const isRefusal = (error: unknown) =>
  (error as { data?: { res?: { statusCode?: number } } }).data?.res?.statusCode === 401;
