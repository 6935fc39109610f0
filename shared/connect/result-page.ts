import { createHash } from 'node:crypto';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';

export type Result =
  | {
      readonly kind: 'connected' | 'already_connected';
      readonly accountName: string;
      /** A page of the owner's app. */
      readonly continueTo?: string | undefined;
    }
  | { readonly kind: 'declined' }
  | { readonly kind: 'not_completed' }
  | { readonly kind: 'link_expired' }
  | { readonly kind: 'link_used' }
  | { readonly kind: 'try_later' }
  | { readonly kind: 'configuration_problem' };

interface Text {
  readonly status: number;
  readonly tone: 'good' | 'neutral' | 'bad';
  readonly title: string;
  readonly message: string;
}

const TEXTS: Record<Result['kind'], Text> = {
  connected: {
    status: 200,
    tone: 'good',
    title: 'Jobber is connected',
    message: 'You can close this page. The connection stays up by itself.',
  },
  already_connected: {
    status: 200,
    tone: 'good',
    title: 'Jobber is already connected',
    message:
      'Somebody connected this account before, and that connection stays as it is. You need do nothing, and can close this page.',
  },
  declined: {
    status: 200,
    tone: 'neutral',
    title: 'Not connected',
    message: 'Access was declined in Jobber, so nothing was connected and nothing has changed.',
  },
  not_completed: {
    status: 400,
    tone: 'bad',
    title: 'Not connected',
    message: 'Jobber could not complete the connection. Please start again in a few minutes.',
  },
  link_expired: {
    status: 400,
    tone: 'neutral',
    title: 'This link was used or has expired',
    message:
      'Connecting works once, in the browser that began it, and within ten minutes. ' +
      'If Jobber was just connected, it still is; otherwise please start again from the app.',
  },
  link_used: {
    status: 409,
    tone: 'neutral',
    title: 'This link is for another account',
    message: 'A link connects one account. Please ask the app for a new link for this one.',
  },
  try_later: {
    status: 503,
    tone: 'bad',
    title: 'Please try again later',
    message: 'The connection could not be completed just now. Please start again in a few minutes.',
  },
  configuration_problem: {
    status: 500,
    tone: 'bad',
    title: 'The app is not set up correctly',
    message:
      'This app’s credentials for Jobber are missing or wrong. Please tell the people who run it.',
  },
};

/** The page that ends a connect, with the HTTP status that fits it. Works without JavaScript. */
export function resultPage(
  result: Result,
  cookies: string[] = [],
): APIGatewayProxyStructuredResultV2 {
  const text = TEXTS[result.kind];
  return {
    statusCode: text.status,
    headers: {
      ...SECURITY,
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      ...(text.status === 503 && { 'retry-after': '60' }),
    },
    ...(cookies.length > 0 && { cookies }),
    body: render(text, result),
  };
}

/** Sends the browser on. */
export const redirect = (
  location: string,
  cookies: string[] = [],
): APIGatewayProxyStructuredResultV2 => ({
  statusCode: 302,
  headers: { ...SECURITY, location },
  ...(cookies.length > 0 && { cookies }),
});

/** URLs here hold states, codes and claims: nobody keeps or passes them on, or sends them over plain HTTP (RFC 6797). */
const SECURITY = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
};

const STYLE = `
:root { color-scheme: light dark; --good: #1a7f4b; --neutral: #5b6472; --bad: #b3402e; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  font: 1.0625rem/1.6 system-ui, sans-serif; background: #f2f4f7; color: #1d232b; }
main { width: 100%; max-width: 27rem; padding: 2.25rem 2rem; border-radius: 0.875rem;
  background: #fff; border-top: 5px solid var(--tone); box-shadow: 0 8px 30px rgb(0 0 0 / 8%); }
h1 { margin: 0 0 0.75rem; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
p { margin: 0 0 0.75rem; overflow-wrap: anywhere; }
p:last-child { margin-bottom: 0; }
a { display: inline-block; margin-top: 0.75rem; padding: 0.625rem 1.25rem; border-radius: 0.5rem;
  background: #1d4ed8; color: #fff; text-decoration: none; font-weight: 600; }
a:focus-visible { outline: 3px solid #93b4ff; outline-offset: 2px; }
.good { --tone: var(--good); } .neutral { --tone: var(--neutral); } .bad { --tone: var(--bad); }
@media (prefers-color-scheme: dark) {
  body { background: #14181e; color: #e7ebf0; } main { background: #1e242c; box-shadow: none; }
}`;

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function render({ title, message, tone }: Text, result: Result): string {
  const connected = 'accountName' in result ? result : undefined;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main class="${tone}">
<h1>${title}</h1>
${connected?.accountName ? `<p><strong>${escapeHtml(connected.accountName)}</strong></p>` : ''}
<p>${message}</p>
${connected?.continueTo ? `<p><a href="${escapeHtml(connected.continueTo)}">Continue</a></p>` : ''}
</main>
</body>
</html>
`;
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
