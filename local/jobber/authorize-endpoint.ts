import { type AccountId, parseAccountId, SAMPLE_ACCOUNTS } from './accounts.ts';
import {
  type AuthorizationParameters,
  authorizeErrorPage,
  authorizePage,
} from './authorize-page.ts';
import type { Grants } from './grants.ts';
import { type Answer, html, type Received, redirect } from './http.ts';
import type { SimulatorSettings } from './settings.ts';

const PARAMETERS = ['response_type', 'client_id', 'redirect_uri', 'state'] as const;

/** `/api/oauth/authorize`: the page, and the form that it sends back. */
export function authorizeEndpoint(settings: SimulatorSettings, grants: Grants) {
  function show({ url }: Received): Answer {
    const problem = problemWith(url.searchParams);
    return problem === undefined
      ? html(200, authorizePage(carriedOn(url.searchParams)))
      : refused(problem);
  }

  function decide({ body }: Received): Answer {
    const form = new URLSearchParams(body);
    const problem = problemWith(form);
    if (problem !== undefined) return refused(problem);
    const redirectUri = form.get('redirect_uri') ?? '';
    switch (form.get('decision')) {
      case 'allow': {
        const account = chosenAccount(form.get('account') ?? '');
        if (account === undefined) return refused('No account was chosen.');
        return redirect(withCode(redirectUri, grants.issueCode(account, redirectUri), form));
      }
      case 'deny':
        // Jobber adds nothing at all, not even the state.
        return redirect(redirectUri);
      default:
        return refused('The decision must be to allow or to deny.');
    }
  }

  function problemWith(parameters: URLSearchParams): string | undefined {
    if (parameters.get('client_id') !== settings.clientId) return 'The client id is not known.';
    if (!isRegistered(parameters.get('redirect_uri') ?? ''))
      return 'The redirect URI is not one of this app.';
    return parameters.get('response_type') === 'code'
      ? undefined
      : 'The response type must be “code”.';
  }

  function isRegistered(redirectUri: string): boolean {
    return settings.redirectUris === 'any'
      ? /^https?:$/.test(URL.parse(redirectUri)?.protocol ?? '')
      : settings.redirectUris.includes(redirectUri) && URL.canParse(redirectUri);
  }

  return { show, decide };
}

const refused = (problem: string) => html(400, authorizeErrorPage(problem));

function carriedOn(parameters: URLSearchParams): AuthorizationParameters {
  const given = PARAMETERS.flatMap((name) => {
    const value = parameters.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}

/** An account's id, or the place of a sample account on the page, from 0. */
function chosenAccount(choice: string): AccountId | undefined {
  const sample = /^\d$/.test(choice) ? SAMPLE_ACCOUNTS[Number(choice)] : undefined;
  return sample?.id ?? parseAccountId(choice);
}

function withCode(redirectUri: string, code: string, form: URLSearchParams): string {
  const target = new URL(redirectUri);
  target.searchParams.set('code', code);
  const state = form.get('state');
  if (state !== null) target.searchParams.set('state', state);
  return target.href;
}
