/** As much of a browser as an authorization needs: cookies, redirects, and the simulator's buttons. */
export function browser() {
  const cookies = new Map<string, string>();

  /** Gets one page; follows no redirect by itself. */
  const get = (url: string): Promise<Response> => send(url);

  async function send(url: string, init: RequestInit = {}): Promise<Response> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers: Record<string, string> = cookie ? { cookie } : {};
    const response = await fetch(url, { ...init, redirect: 'manual', headers });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  }

  /**
   * Goes from the page that starts an authorization to the simulator's, and decides there for an account, or as an admin
   * of one: `430114/1077989`.
   * Returns where Jobber then sends the browser.
   */
  async function decide(
    startUrl: string,
    account: number | string,
    decision: 'allow' | 'deny' = 'allow',
  ): Promise<string> {
    let url = startUrl;
    while (new URL(url).pathname !== '/api/oauth/authorize') url = locationOf(await get(url), url);
    const { origin, pathname, searchParams } = new URL(url);
    searchParams.set('account', String(account));
    searchParams.set('decision', decision);
    return submit(`${origin}${pathname}`, searchParams);
  }

  /** Sends a form; returns where its answer sends the browser. */
  async function submit(url: string, form: URLSearchParams): Promise<string> {
    return locationOf(await send(url, { method: 'POST', body: form }), url);
  }

  /** Goes to a page through all redirects; `url` is where they end. */
  async function follow(startUrl: string): Promise<{ url: string; response: Response }> {
    let url = startUrl;
    for (let redirects = 0; redirects < 10; redirects++) {
      const response = await get(url);
      if (response.status !== 302) return { url, response };
      url = locationOf(response, url);
    }
    throw new Error(`${startUrl} leads round in a circle.`);
  }

  /** The whole way: returns the page at its end. */
  async function connect(...authorization: Parameters<typeof decide>): Promise<string> {
    return (await follow(await decide(...authorization))).response.text();
  }

  return { cookies, get, submit, follow, decide, connect };
}

function locationOf(response: Response, url: string): string {
  const location = response.headers.get('location');
  if (!location) throw new Error(`${new URL(url).pathname} answered ${response.status}.`);
  return new URL(location, url).href;
}
