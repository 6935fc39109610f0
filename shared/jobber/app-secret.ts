import { NOT_SET } from '../runtime/environment.ts';
import type { AppCredentials } from './token-endpoint.ts';

/** What a deployment puts into the app secret, which its owner then replaces. */
export const APP_SECRET_PLACEHOLDER: AppCredentials = { clientId: NOT_SET, clientSecret: NOT_SET };

/** The owner has not yet put the credentials of the Jobber app into the app secret. */
export class AppSecretNotSetError extends Error {
  override readonly name = 'AppSecretNotSetError';
  readonly code = 'app_secret_not_set';
  constructor() {
    super(
      'Set the app secret: it still holds its placeholder. Put {"clientId": "…", "clientSecret": "…"} of your ' +
        'Jobber app into it; the stack’s output SetAppSecret is the command. Nothing has to be deployed again.',
    );
  }
}

/** Reads the app secret. @throws AppSecretNotSetError, and an error that quotes nothing of a malformed one */
export function readCredentials(json: string): AppCredentials {
  const { clientId, clientSecret } = parse(json);
  if (!isText(clientId) || !isText(clientSecret)) {
    throw new Error('The app secret must be {"clientId": "…", "clientSecret": "…"}.');
  }
  if (clientId === NOT_SET || clientSecret === NOT_SET) throw new AppSecretNotSetError();
  return { clientId, clientSecret };
}

/** `undefined` for what a secret held before its owner put the credentials into it. */
export function credentialsIn(json: string): AppCredentials | undefined {
  try {
    return readCredentials(json);
  } catch {
    return undefined;
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** The error of JSON.parse quotes the secret. */
function parse(json: string): { clientId?: unknown; clientSecret?: unknown } {
  try {
    return Object(JSON.parse(json));
  } catch {
    return {};
  }
}
