import {
  type AuthorizationParameters,
  authorizeErrorPage,
  authorizePage,
} from './authorize-page.ts';
import type { Consents } from './consents.ts';
import type { Grants } from './grants.ts';
import { type Answer, html, type Received, redirect } from './http.ts';
import { readSession, type Session, sessionOf, signedIn } from './session.ts';
import type { SimulatorSettings } from './settings.ts';

const PARAMETERS = ['response_type', 'client_id', 'redirect_uri', 'state'] as const;

/** `/api/oauth/authorize`: the page, and the form that it sends back. */
export function authorizeEndpoint(settings: SimulatorSettings, grants: Grants, consents: Consents) {
  /** A browser that has just allowed the app in the marketplace is sent back at once. */
  function show(request: Received): Answer {
    const { searchParams } = request.url;
    const problem = problemWith(searchParams);
    if (problem !== undefined) return refused(problem);
    const session = sessionOf(request);
    return session && consents.take(session)
      ? redirect(withCode(searchParams, session))
      : html(200, authorizePage(carriedOn(searchParams), session));
  }

  function decide({ body }: Received): Answer {
    const form = new URLSearchParams(body);
    const problem = problemWith(form);
    if (problem !== undefined) return refused(problem);
    switch (form.get('decision')) {
      case 'allow': {
        const session = readSession(form.get('account') ?? '');
        if (session === undefined) return refused('No account was chosen.');
        if (form.get('state') === null) consents.give(session);
        return signedIn(redirect(withCode(form, session)), session);
      }
      case 'deny':
        // Jobber adds nothing at all, not even the state.
        return redirect(form.get('redirect_uri') ?? '');
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

  function withCode(parameters: URLSearchParams, { accountId, userId }: Session): string {
    const redirectUri = parameters.get('redirect_uri') ?? '';
    const target = new URL(redirectUri);
    target.searchParams.set('code', grants.issueCode(accountId, redirectUri, userId));
    const state = parameters.get('state');
    if (state !== null) target.searchParams.set('state', state);
    return target.href;
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
