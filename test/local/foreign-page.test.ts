import { createServer } from 'node:http';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { close, listen } from '../../local/listen.ts';
import { ask } from '../support/ask.ts';
import { hasChromium, launchChromium } from '../support/chromium.ts';
import { idOf, MAPLE, type TestSystem, testSystem } from '../support/local-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await testSystem();
});
afterAll(() => system.close());
beforeEach(async () => {
  await system.connect(MAPLE);
});

const maple = { accountId: idOf(MAPLE), name: 'Maple Street Plumbing' };
const statusOfMaple = async () => (await system.item(maple.accountId))?.['status'];

describe.skipIf(!hasChromium)('a page of another origin in Chromium', () => {
  let chrome: Browser;
  beforeAll(async () => {
    chrome = await launchChromium();
  });
  afterAll(() => chrome.close());

  /** Opens a page of another server, which holds the content in a frame; resolves when the content says that it is done. */
  async function visit(sandbox: string, content: string): Promise<void> {
    const foreign = createServer((request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(
        request.url === '/frame' ? content : `<iframe ${sandbox} src="/frame"></iframe>`,
      );
    });
    const url = `http://127.0.0.1:${await listen(foreign, 0)}/`;
    const page = await chrome.newPage();
    try {
      const done = page.waitForEvent('console', (message) => message.text() === 'done');
      await page.goto(url);
      await done;
    } finally {
      await page.close();
      await close(foreign);
    }
  }

  const send = (path: string, options: string) => `<script>
    fetch('${system.url}${path}', { method: 'POST', mode: 'no-cors', ${options} })
      .catch(() => {}).then(() => console.log('done'));
  </script>`;
  const submit = (path: string) => `<iframe name="answer"></iframe>
    <form method="post" enctype="text/plain" target="answer" action="${system.url}${path}">
      <input name='{"accountId":"${maple.accountId}","name":"' value='"}'>
    </form>
    <script>
      document.forms[0].submit();
      setTimeout(() => console.log('done'), 1500);
    </script>`;

  it.each([
    ['a sandboxed frame', 'sandbox="allow-scripts"'],
    ['a frame', ''],
  ])('disconnects nothing by a request from %s', async (_, sandbox) => {
    await visit(sandbox, send('/_local/end', `body: '${JSON.stringify(maple)}'`));
    expect(await statusOfMaple()).toBe('active');
  });

  it.each([
    ['a sandboxed frame', 'sandbox="allow-scripts allow-forms"'],
    ['a frame', ''],
  ])('disconnects nothing by a form in %s', async (_, sandbox) => {
    await visit(sandbox, submit('/_local/end'));
    expect(await statusOfMaple()).toBe('active');
  });
});

describe('an action of the local page', () => {
  const json = { 'content-type': 'application/json' };
  const act = (headers: Record<string, string>) =>
    ask(`${system.url}/_local/sweep`, 'POST', { host: new URL(system.url).host, ...headers }, '{}');

  it('answers the page itself and programs of this machine', async () => {
    const { host, port } = new URL(system.url);
    const page = { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
    expect(await act({ ...json, ...page })).toMatchObject({ status: 200 });
    expect(await act({ 'content-type': 'application/json; charset=utf-8' })).toMatchObject({
      status: 200,
    });
    expect(await act({ ...json, host: `127.0.0.1:${port}` })).toMatchObject({ status: 200 });
  });

  it.each([
    ['the origin of a sandboxed frame', { origin: 'null' }],
    ['a foreign origin', { origin: 'https://example.com' }],
    ['an origin that is no URL', { origin: 'localhost' }],
    ['another port of this machine', { origin: 'http://localhost:1' }],
    ['a foreign page that names no origin', { 'sec-fetch-site': 'cross-site' }],
    ['a page of another port that names no origin', { 'sec-fetch-site': 'same-site' }],
    ['a foreign host name', { host: 'example.com' }],
    ['a foreign host name with our port', { host: 'example.com:%PORT%' }],
    ['a host name that only starts like ours', { host: 'localhost.example.com:%PORT%' }],
    ['our host name in a user name', { host: 'localhost:%PORT%@example.com' }],
    ['a foreign user name at our host', { host: 'example.com@localhost:%PORT%' }],
    ['another port in the host', { host: 'localhost:1' }],
  ])('is refused to %s', async (_, headers) => {
    const { port } = new URL(system.url);
    const sent = Object.entries(headers).map(([name, value]) => [
      name,
      value.replace('%PORT%', port),
    ]);
    expect(await act({ ...json, ...Object.fromEntries(sent) })).toMatchObject({ status: 403 });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'is refused as %s, which a browser sends to any origin unasked',
    async (type) => {
      expect(await act({ 'content-type': type })).toMatchObject({ status: 415 });
      expect(await act({})).toMatchObject({ status: 415 });
    },
  );

  it('is found by POST alone', async () => {
    const headers = { host: new URL(system.url).host, ...json };
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
      expect(await ask(`${system.url}/_local/end`, method, headers)).toMatchObject({ status: 404 });
    }
    expect(await statusOfMaple()).toBe('active');
  });
});

describe('the local page', () => {
  const host = () => new URL(system.url).host;

  it('opens from a link on any other page', async () => {
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect(await ask(`${system.url}/`, 'GET', { host: host(), ...link })).toMatchObject({
      status: 200,
    });
  });

  it('shows its state to no script of another page', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const headers = { host: host(), 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' };
      expect(await ask(`${system.url}/_local/state`, 'GET', headers)).toMatchObject({
        status: 403,
      });
    }
  });

  it('leaves Jobber’s webhooks and callbacks alone, which may come through a tunnel', async () => {
    const headers = { host: 'tunnel.example.com' };
    const { status } = await ask(`${system.url}/webhooks/jobber`, 'POST', headers, '{}');
    expect(status).toBe(401);
  });
});
