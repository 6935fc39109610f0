/**
 * Walks through an authorization as a browser does, from the app's page that starts it to the one that
 * ends it, and decides on the simulator's page for an account. Returns the last page.
 */
export async function authorizeThroughPages(
  startUrl: string,
  account: number,
  decision: 'allow' | 'deny' = 'allow',
): Promise<string> {
  const cookies = new Map<string, string>();
  let url = startUrl;
  let response = await follow(url);
  while (response.status === 302) {
    url = new URL(response.headers.get('location') ?? '', url).href;
    response = isAuthorizePage(url) ? await decide(url) : await follow(url);
  }
  return response.text();

  async function follow(target: string, init: RequestInit = {}): Promise<Response> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(target, {
      ...init,
      redirect: 'manual',
      headers: cookie === '' ? {} : { cookie },
    });
    for (const set of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return answer;
  }

  function decide(target: string): Promise<Response> {
    const { origin, pathname, searchParams } = new URL(target);
    searchParams.set('account', String(account));
    searchParams.set('decision', decision);
    return fetch(`${origin}${pathname}`, {
      method: 'POST',
      redirect: 'manual',
      body: searchParams,
    });
  }
}

const isAuthorizePage = (url: string) => new URL(url).pathname === '/api/oauth/authorize';
