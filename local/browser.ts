/** As much of a browser as an authorization needs: cookies, redirects, and the simulator's buttons. */
export function browser() {
  const cookies = new Map<string, string>();

  /** Gets one page; follows no redirect by itself. */
  async function get(url: string): Promise<Response> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: cookie ? { cookie } : {} });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  }

  /**
   * Goes from the page that starts an authorization to the simulator's, and decides there for an account.
   * Returns where Jobber then sends the browser.
   */
  async function decide(
    startUrl: string,
    account: number,
    decision: 'allow' | 'deny' = 'allow',
  ): Promise<string> {
    let url = startUrl;
    while (new URL(url).pathname !== '/api/oauth/authorize') url = locationOf(await get(url), url);
    const { origin, pathname, searchParams } = new URL(url);
    searchParams.set('account', String(account));
    searchParams.set('decision', decision);
    const form = { method: 'POST', redirect: 'manual', body: searchParams } as const;
    return locationOf(await fetch(`${origin}${pathname}`, form), url);
  }

  /** The whole way: returns the page at its end. */
  async function connect(...authorization: Parameters<typeof decide>): Promise<string> {
    return (await get(await decide(...authorization))).text();
  }

  return { cookies, get, decide, connect };
}

function locationOf(response: Response, url: string): string {
  const location = response.headers.get('location');
  if (!location) throw new Error(`${new URL(url).pathname} answered ${response.status}.`);
  return new URL(location, url).href;
}
