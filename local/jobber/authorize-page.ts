import { escaped, page } from './page.ts';
import { firstSession, type Session, sampleSessions, writeSession } from './session.ts';

/** What the form carries on from the query of the authorization request. */
export type AuthorizationParameters = Readonly<Record<string, string>>;

/**
 * The page on which the user chooses an account and an admin, and allows or denies the connection.
 * @param session what is chosen at first; otherwise the first admin of the first account
 */
export function authorizePage(parameters: AuthorizationParameters, session?: Session): string {
  const hidden = Object.entries(parameters).map(
    ([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`,
  );
  const choices = sampleSessions();
  const chosen = writeSession(session ?? firstSession());
  const accounts = choices.map(({ account, admin, session: choice }) => {
    const value = writeSession(choice);
    return `<label>
        <input type="radio" name="account" value="${value}"${value === chosen ? ' checked' : ''}>
        <span>${escaped(account.name)}<small>Account ${account.id}, ${admin.name.toLowerCase()}</small></span>
      </label>`;
  });
  return page(
    'Connect a Jobber account',
    `<h1>Connect a Jobber account?</h1>
    <p>The app <strong>${escaped(parameters['client_id'] ?? '')}</strong> asks to read the clients and
      users of your account.</p>
    <form method="post" action="/api/oauth/authorize">
      ${hidden.join('\n      ')}
      <fieldset>
      <legend>Account</legend>
      ${accounts.join('\n      ')}
      </fieldset>
      <div class="choice">
        <button name="decision" value="allow">Allow</button>
        <button name="decision" value="deny">Deny</button>
      </div>
    </form>
    <p class="aim">You return to ${escaped(parameters['redirect_uri'] ?? '')}</p>`,
  );
}

/** The page for a request that must not be answered with a redirect (RFC 6749, section 4.1.2.1). */
export function authorizeErrorPage(problem: string): string {
  return page(
    'This request cannot be authorized',
    `<h1>This request cannot be authorized</h1>
    <p>${escaped(problem)}</p>`,
  );
}
