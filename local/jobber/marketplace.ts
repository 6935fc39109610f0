import type { Consents } from './consents.ts';
import type { Grants } from './grants.ts';
import { type Answer, html, type Received, redirect, text } from './http.ts';
import { marketplacePage } from './marketplace-page.ts';
import { firstSession, readSession, sessionOf, signedIn } from './session.ts';
import type { SimulatorSettings } from './settings.ts';

const PATH = '/marketplace';

/**
 * `/marketplace`: the app as Jobber's marketplace shows it to an admin: *Connect*, or *Disconnect* and *Manage App*. Both
 * buttons of the app lead to it with a code and without a state.
 */
export function marketplace(
  settings: SimulatorSettings,
  grants: Grants,
  consents: Consents,
  disconnect: (accountId: number) => void,
) {
  function show(request: Received): Answer {
    const session = sessionOf(request) ?? firstSession();
    const page = marketplacePage({
      session,
      isConnected: grants.isConnected(session.accountId),
      hasManageUrl: settings.manageUrl !== '',
    });
    return signedIn(html(200, page), session);
  }

  function act(request: Received): Answer {
    const form = new URLSearchParams(request.body);
    const session = sessionOf(request) ?? firstSession();
    switch (form.get('action')) {
      case 'sign-in':
        return signedIn(redirect(PATH), readSession(form.get('as') ?? '') ?? session);
      case 'connect':
        return redirect(authorizeUrl());
      case 'disconnect':
        disconnect(session.accountId);
        return redirect(PATH);
      case 'manage': {
        const { accountId, userId } = session;
        const target = new URL(settings.manageUrl);
        target.searchParams.set('code', grants.issueCode(accountId, settings.callbackUrl, userId));
        consents.give(session);
        return redirect(target.href);
      }
      default:
        return text(400, 'There is no such button.');
    }
  }

  /** As Jobber's own button does: no state. */
  function authorizeUrl(): string {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: settings.clientId,
      redirect_uri: settings.callbackUrl,
    });
    return `/api/oauth/authorize?${query}`;
  }

  return { show, act };
}
