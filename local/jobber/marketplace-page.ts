import { escaped, page } from './page.ts';
import { type Session, sampleSessions, writeSession } from './session.ts';

/** The app's entry in the marketplace, for one admin of one account. */
export function marketplacePage({
  session,
  isConnected,
  hasManageUrl,
}: {
  session: Session;
  isConnected: boolean;
  hasManageUrl: boolean;
}): string {
  const options = sampleSessions().map(({ account, admin, session: choice }) => {
    const value = writeSession(choice);
    const selected = value === writeSession(session) ? ' selected' : '';
    return `<option value="${value}"${selected}>${escaped(`${admin.name}, ${account.name}`)}</option>`;
  });
  return page(
    'App marketplace',
    `<h1>App marketplace</h1>
    <form method="post">
      <label class="plain">You are
        <select name="as">
        ${options.join('\n        ')}
        </select>
      </label>
      <button name="action" value="sign-in">Sign in</button>
    </form>
    <h2>Your app</h2>
    <p>${isConnected ? 'Connected to this account.' : 'Not connected to this account.'}</p>
    <form method="post" class="choice">
      ${isConnected ? connectedButtons(hasManageUrl) : '<button class="main" name="action" value="connect">Connect</button>'}
    </form>`,
  );
}

const connectedButtons = (hasManageUrl: boolean) =>
  `<button name="action" value="disconnect">Disconnect</button>${
    hasManageUrl
      ? '\n      <button class="main" name="action" value="manage">Manage App</button>'
      : ''
  }`;
