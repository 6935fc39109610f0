import type {
  APIGatewayProxyEventV2,
  APIGatewayProxyStructuredResultV2,
  Context,
} from 'aws-lambda';
import { endAgain, hasAgain, setAgain } from '../shared/connect/again-cookie.ts';
import { endBinding, readBinding } from '../shared/connect/browser-binding-cookie.ts';
import { readCallback } from '../shared/connect/callback.ts';
import { connectAccount } from '../shared/connect/connect-account.ts';
import { leadOn } from '../shared/connect/lead-on.ts';
import { redirect, resultPage } from '../shared/connect/result-page.ts';
import { type Intent, verifyState } from '../shared/connect/state.ts';
import { AppSecretNotSetError } from '../shared/jobber/app-secret.ts';
import {
  clock,
  connectLinkUses,
  graphqlApi,
  keyRing,
  signingKeyRing,
  table,
  tokenEndpoint,
} from '../shared/jobber/wiring.ts';
import { plus } from '../shared/runtime/clock.ts';
import { environment } from '../shared/runtime/environment.ts';
import { inTime } from '../shared/runtime/in-time.ts';
import { logger, publishMetrics } from '../shared/runtime/telemetry.ts';

const keys = signingKeyRing();
const sealingKeys = keyRing();
const endpoint = tokenEndpoint();
const publicUrl = environment.publicUrl();
const secure = publicUrl.startsWith('https:');
const connecting = {
  endpoint,
  table: table(),
  linkUses: connectLinkUses(),
  sealingKeys,
  clock,
  redirectUri: `${publicUrl}/oauth/callback`,
  api: { ...graphqlApi(), clock },
};
/** The longest time to read the secrets; with the steps of `connectAccount` it fits the function's timeout. */
const SECRETS_MS = 5_000;
const ANSWER_MARGIN_MS = 1_000;

/** `GET /oauth/callback`: exchanges the code for a grant, stores it, and shows how it went. */
export async function handler(
  event: APIGatewayProxyEventV2,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
): Promise<APIGatewayProxyStructuredResultV2> {
  try {
    const callback = readCallback(event.queryStringParameters);
    if (callback.kind !== 'code') return resultPage(callback);
    const { code, state } = callback;
    if (state === undefined) return startAgain(event.cookies);

    // Read all secrets before the code is spent, in one time for all: the steps after it need the rest.
    const [intent, sealingKey, { clientId }] = await inTime(SECRETS_MS, () =>
      Promise.all([intentOf(state, event.cookies), sealingKeys.current(), endpoint.prepare()]),
    );
    if (!intent) return resultPage({ kind: 'link_expired' });
    const cookies = [endBinding(intent.bindingId, secure), endAgain(secure)];
    if (intent.clientId !== clientId) {
      logger.error(
        'The construct and the app secret name different Jobber apps. Give both the same client id.',
      );
      return resultPage({ kind: 'configuration_problem' }, cookies);
    }
    const deadline = plus(clock.now(), context.getRemainingTimeInMillis() - ANSWER_MARGIN_MS);
    const outcome = await connectAccount(connecting, { code, intent, sealingKey, deadline });
    return await leadOn(keys, clock, publicUrl, intent, outcome, cookies);
  } catch (error) {
    logger.error('A connect could not be completed.', error as Error);
    const isSetUp = !(error instanceof AppSecretNotSetError);
    return resultPage({ kind: isSetUp ? 'try_later' : 'configuration_problem' });
  } finally {
    publishMetrics();
  }
}

const intentOf = (
  state: string,
  cookies: string[] | undefined,
): Promise<(Intent & { bindingId: string }) | undefined> =>
  verifyState(keys, clock, state, (id) => readBinding(cookies, id, secure));

/**
 * A connect from Jobber's marketplace brings a code without a state, and so might a page that wants to connect somebody
 * else's account in this browser. Do not use the code: send the browser through Jobber once more, with a state of its own.
 */
function startAgain(cookies: string[] | undefined): APIGatewayProxyStructuredResultV2 {
  if (hasAgain(cookies, secure)) {
    return resultPage({ kind: 'link_expired' }, [endAgain(secure)]);
  }
  return redirect(`${publicUrl}/oauth/connect`, [setAgain(secure)]);
}
