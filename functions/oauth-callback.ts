import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { fetchAccount } from '../shared/jobber/account.ts';
import { type ConnectIntent, mayReturnTo, verifyState } from '../shared/jobber/authorization.ts';
import { readCallback } from '../shared/jobber/callback.ts';
import { postConnectUrl } from '../shared/jobber/connect-claim.ts';
import { unverifiedClaims } from '../shared/jobber/unverified-claims.ts';
import { clock, keyRing, table, tokenEndpoint } from '../shared/jobber/wiring.ts';
import { endBinding, readBinding } from '../shared/pages/browser-binding-cookie.ts';
import { type Result, resultPage } from '../shared/pages/result-page.ts';
import { environment } from '../shared/runtime/environment.ts';
import { count, logger, publishMetrics } from '../shared/runtime/telemetry.ts';
import { saveGrant } from '../shared/tokens/save-grant.ts';

const keys = keyRing();
const endpoint = tokenEndpoint();
const store = { table: table(), clock };
const publicUrl = environment.publicUrl();
const secure = publicUrl.startsWith('https:');
const redirectUri = `${publicUrl}/oauth/callback`;
const api = {
  baseUrl: environment.jobberBaseUrl(),
  graphqlVersion: environment.jobberGraphqlVersion(),
  clock,
};
// With three attempts for the account and three for the table, all fits the function's time-out.
const EXCHANGE_TIMEOUT_MS = 5_000;
const ACCOUNT_TIMEOUT_MS = 3_000;

/** `GET /oauth/callback`: exchanges the code for a grant, stores it, and shows how it went. */
export async function handler(
  event: APIGatewayProxyEventV2,
): Promise<APIGatewayProxyStructuredResultV2> {
  try {
    const callback = readCallback(event.queryStringParameters);
    if (callback.kind !== 'code') return resultPage(callback);

    const intent = await intentOf(callback.state, event.cookies);
    if (!intent) return resultPage({ kind: 'link_expired' });
    const cookies = intent.bindingId ? [endBinding(intent.bindingId, secure)] : [];
    return resultPage(await connect(callback.code, intent), cookies);
  } catch (error) {
    logger.error('A connect could not be completed.', error as Error);
    return resultPage({ kind: 'try_later' });
  } finally {
    publishMetrics();
  }
}

/** Connects that start in Jobber's marketplace carry no state. */
async function intentOf(
  state: string | undefined,
  cookies: string[] | undefined,
): Promise<(ConnectIntent & { bindingId?: string }) | undefined> {
  if (state === undefined) return environment.marketplaceConnect() ? {} : undefined;
  return verifyState(keys, clock, state, (id) => readBinding(cookies, id, secure));
}

async function connect(code: string, intent: ConnectIntent): Promise<Result> {
  const sealingKey = await keys.current();
  const grant = await endpoint.exchangeCode(code, redirectUri, EXCHANGE_TIMEOUT_MS);
  const connectedAt = clock.now();
  switch (grant.outcome) {
    case 'refused':
      return { kind: 'link_expired' };
    case 'client_rejected':
      count('ClientRejected');
      return { kind: 'configuration_problem' };
    case 'unknown':
      logger.warn('Jobber gave no usable answer to an authorization code.', { cause: grant.cause });
      return { kind: 'try_later' };
  }
  const account = await fetchAccount(api, grant.accessToken, ACCOUNT_TIMEOUT_MS);
  if (!account) {
    logger.warn('Jobber did not say which account a new grant is for; the grant was not kept.');
    return { kind: 'try_later' };
  }
  const { accessToken, refreshToken, expiresAt, clientId } = grant;
  const userId = unverifiedClaims(accessToken)['user_id'];
  const isConnected = await saveGrant(store, sealingKey, {
    accessToken,
    refreshToken,
    expiresAt,
    clientId,
    accountId: account.id,
    accountName: account.name,
    connectedAt,
    ...(userId !== undefined && { userId: String(userId) }),
    ...(intent.ref !== undefined && { ref: intent.ref }),
  });
  if (!isConnected) {
    logger.info('An account was disconnected before a slow connect.', { accountId: account.id });
    return { kind: 'link_expired' };
  }
  logger.info('An account was connected.', { accountId: account.id });
  return {
    kind: 'connected',
    accountName: account.name,
    returnTo: allowedReturnTo(intent.returnTo) ?? (await afterMarketplace(intent, account.id)),
  };
}

/** Nobody knows yet whose account it is: the owner's backend is told by the browser that connected it. */
async function afterMarketplace({ ref, returnTo }: ConnectIntent, accountId: string) {
  const url = environment.postConnectUrl();
  if (url === undefined || ref !== undefined || returnTo !== undefined) return undefined;
  try {
    return await postConnectUrl(keys, clock, { accountId, issuer: publicUrl, url });
  } catch (error) {
    logger.error('A result page could not lead on.', error as Error);
    return undefined;
  }
}

/** Asked again: a link may be older than the origins are. */
const allowedReturnTo = (returnTo: string | undefined): string | undefined =>
  returnTo && mayReturnTo(returnTo, environment.returnToOrigins()) ? returnTo : undefined;
