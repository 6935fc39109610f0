import type {
  APIGatewayProxyEventV2,
  APIGatewayProxyStructuredResultV2,
  Context,
} from 'aws-lambda';
import { fetchAccount } from '../shared/jobber/account.ts';
import { type ConnectIntent, mayReturnTo, verifyState } from '../shared/jobber/authorization.ts';
import { readCallback } from '../shared/jobber/callback.ts';
import { postConnectUrl } from '../shared/jobber/connect-claim.ts';
import { grantedAt } from '../shared/jobber/granted-at.ts';
import { unverifiedClaims } from '../shared/jobber/unverified-claims.ts';
import { clock, graphqlApi, keyRing, table, tokenEndpoint } from '../shared/jobber/wiring.ts';
import { endBinding, readBinding } from '../shared/pages/browser-binding-cookie.ts';
import { type Result, resultPage } from '../shared/pages/result-page.ts';
import { type EpochMs, plus } from '../shared/runtime/clock.ts';
import { environment } from '../shared/runtime/environment.ts';
import { inTime } from '../shared/runtime/in-time.ts';
import { count, logger, publishMetrics } from '../shared/runtime/telemetry.ts';
import { type NewGrant, saveGrant } from '../shared/tokens/save-grant.ts';
import type { RootKey } from '../shared/tokens/sealing.ts';

const keys = keyRing();
const endpoint = tokenEndpoint();
const store = { table: table(), clock };
const publicUrl = environment.publicUrl();
const secure = publicUrl.startsWith('https:');
const redirectUri = `${publicUrl}/oauth/callback`;
const api = { ...graphqlApi(), clock };
/** The longest time of each step. Together they fit the function's time-out. */
const SECRETS_MS = 5_000;
const EXCHANGE_MS = 7_000;
const ACCOUNT_MS = 6_000;
const SAVE_MS = 8_000;
const ANSWER_MARGIN_MS = 1_000;

/** `GET /oauth/callback`: exchanges the code for a grant, stores it, and shows how it went. */
export async function handler(
  event: APIGatewayProxyEventV2,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
): Promise<APIGatewayProxyStructuredResultV2> {
  try {
    const callback = readCallback(event.queryStringParameters);
    if (callback.kind !== 'code') return resultPage(callback);

    // All secrets before the code is spent, and in one time for all: what follows has to fit as well.
    const [intent, sealingKey] = await inTime(SECRETS_MS, () =>
      Promise.all([intentOf(callback.state, event.cookies), keys.current(), endpoint.prepare()]),
    );
    if (!intent) return resultPage({ kind: 'link_expired' });
    const cookies = intent.bindingId ? [endBinding(intent.bindingId, secure)] : [];
    const deadline = plus(clock.now(), context.getRemainingTimeInMillis() - ANSWER_MARGIN_MS);
    return resultPage(await connect(callback.code, intent, sealingKey, deadline), cookies);
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

async function connect(
  code: string,
  intent: ConnectIntent,
  sealingKey: RootKey,
  deadline: EpochMs,
): Promise<Result> {
  const grant = await endpoint.exchangeCode(code, redirectUri, EXCHANGE_MS);
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
  const { accessToken, refreshToken, expiresAt, clientId } = grant;
  if (accessToken === undefined) return { kind: 'try_later' };
  const connectedAt = grantedAt(expiresAt, clock.now());
  const account = await fetchAccount(api, accessToken, ACCOUNT_MS);
  if (!account) {
    logger.warn('Jobber did not say which account a new grant is for; the grant was not kept.');
    return { kind: 'try_later' };
  }
  const userId = unverifiedClaims(accessToken)['user_id'];
  const newGrant: NewGrant = {
    accessToken,
    refreshToken,
    expiresAt,
    clientId,
    accountId: account.id,
    accountName: account.name,
    connectedAt,
    ...(userId !== undefined && { userId: String(userId) }),
    ...(intent.ref !== undefined && { ref: intent.ref }),
  };
  const saveBy = Math.min(deadline, plus(clock.now(), SAVE_MS)) as EpochMs;
  const isConnected = await saveGrant(store, sealingKey, newGrant, saveBy);
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
