import type { Revocation } from '../tokens/disconnect.ts';
import { askGraphql, type GraphqlAnswer, type GraphqlApi } from './graphql.ts';

const APP_DISCONNECT = 'mutation { appDisconnect { app { name author } userErrors { message } } }';

/** Ends the grant of an access token at Jobber, where the app then shows as disconnected. Never rejects. */
export async function appDisconnect(
  api: GraphqlApi,
  accessToken: string,
  timeoutMs: number,
): Promise<Revocation> {
  return readRevocation(await askGraphql(api, accessToken, { query: APP_DISCONNECT }, timeoutMs));
}

function readRevocation(answer: GraphqlAnswer): Revocation {
  switch (answer.kind) {
    case 'data':
      return isDone(answer.data)
        ? { outcome: 'revoked' }
        : { outcome: 'unknown', cause: 'Jobber refused appDisconnect' };
    case 'disconnected':
    case 'inactive':
      return { outcome: 'revoked' };
    case 'token_rejected':
      return { outcome: 'token_rejected' };
    case 'unavailable':
      return { outcome: 'unknown', cause: answer.cause };
    default:
      return { outcome: 'unknown', cause: answer.kind };
  }
}

function isDone(data: unknown): boolean {
  const { appDisconnect } = Object(data) as { appDisconnect?: { userErrors?: unknown[] } };
  return appDisconnect?.userErrors?.length === 0;
}
