const byId = (id) => document.getElementById(id);
const template = byId('connection').content.firstElementChild;
const busy = new Set();

// With real credentials: the key that `npm start` prints, which a tab keeps.
let hasAsked = false;
const keyHeader = () => {
  const key = sessionStorage.getItem('key');
  return key ? { 'x-local-key': key } : {};
};

const NEEDS_ACTIVE = new Set(['sync', 'expire', 'end', 'disconnect', 'revoke']);
const NEEDS_SIMULATOR = new Set(['disconnect', 'revoke']);

const STATUS = {
  active: ({ disconnecting }) =>
    disconnecting ? 'Disconnecting: Jobber does not answer' : 'Connected',
  reconnect_required: ({ statusReason }) => `Reconnect required: ${statusReason}`,
  disconnected: ({ statusReason }) => `Disconnected: ${statusReason}`,
};

async function act(action, connection) {
  const key = `${action} ${connection?.accountId}`;
  if (busy.has(key)) return;
  busy.add(key);
  await refresh();
  try {
    const response = await fetch(`/_local/${action}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...keyHeader() },
      body: JSON.stringify({ accountId: connection?.accountId, name: connection?.accountName }),
    });
    return await response.json();
  } catch {
    // The system has stopped, as the next line shows.
  } finally {
    busy.delete(key);
    await refresh();
  }
}

async function state() {
  const response = await fetch('/_local/state', { headers: keyHeader() });
  if (response.ok) return response.json();
  if (response.status === 403 && !hasAsked) {
    hasAsked = true;
    const key = prompt('The key that npm start has printed:');
    if (key) sessionStorage.setItem('key', key.trim());
  }
  throw new Error((await response.json()).message);
}

function render({ now, marketplace, syncs, connections, log }) {
  const simulated = marketplace !== undefined;
  byId('jobber').textContent = simulated
    ? 'This is a rehearsal with a simulated Jobber.'
    : 'This talks to the real Jobber.';
  byId('marketplace').hidden = !simulated;
  byId('marketplace').href = marketplace ?? '';
  byId('nobody').hidden = connections.length > 0;
  byId('silence').hidden = log.length > 0;
  byId('sweep').disabled = busy.has('sweep undefined');
  keep(byId('connections'), connections, 'accountId', makeCard, (card, connection) =>
    fillCard(card, connection, now, { simulated, syncs }),
  );
  keep(byId('log'), log, 'id', makeLine, () => {});
}

/** Makes the children of a list those of the entries, and keeps the ones (and the focus) that stay. */
function keep(list, entries, key, make, fill) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const children = entries.map((entry) => {
    const child = known.get(String(entry[key])) ?? make(entry);
    child.dataset.key = entry[key];
    fill(child, entry);
    return child;
  });
  const same =
    children.length === list.children.length && children.every((c, i) => c === list.children[i]);
  if (!same) list.replaceChildren(...children);
}

function makeCard(connection) {
  const card = template.cloneNode(true);
  for (const button of card.querySelectorAll('button')) {
    button.addEventListener('click', () => act(button.dataset.action, connection));
  }
  return card;
}

function fillCard(card, connection, now, { simulated, syncs }) {
  card.className = connection.status;
  card.querySelector('h3').textContent = connection.accountName;
  card.querySelector('.status').textContent = STATUS[connection.status](connection);
  card.querySelector('.account').textContent = connection.accountId;
  card.querySelector('.connector').textContent = connection.connector ?? 'not known';
  card.querySelector('.ref').textContent = connection.ref ?? 'none';
  card.querySelector('.rotation').textContent = connection.rotation ?? 'none';
  card.querySelector('.expiry').textContent = expiry(connection, now);
  for (const button of card.querySelectorAll('button')) {
    const { action } = button.dataset;
    button.disabled = busy.has(`${action} ${connection.accountId}`);
    const isPossible =
      connection.status === 'active' &&
      (!NEEDS_SIMULATOR.has(action) || simulated) &&
      (action !== 'sync' || syncs);
    button.hidden = NEEDS_ACTIVE.has(action) && !isPossible;
  }
}

function expiry({ status, expiresAt, leased }, now) {
  if (leased) return 'being refreshed';
  if (status !== 'active') return 'none that works';
  const seconds = expiresAt - Math.floor(now / 1000);
  if (seconds <= 0) return 'expired';
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s left`;
}

function makeLine({ at, tone, text }) {
  const line = document.createElement('li');
  const time = document.createElement('time');
  line.className = tone;
  time.dateTime = new Date(at).toISOString();
  time.textContent = new Date(at).toLocaleTimeString();
  line.append(time, text);
  return line;
}

byId('link').addEventListener('click', async () => {
  const made = await act('link');
  if (!made?.ok) return;
  byId('made').hidden = false;
  byId('made').querySelector('span').textContent = made.ref;
  byId('made').querySelector('a').href = made.url;
});
byId('connect').addEventListener('click', async (event) => {
  event.preventDefault();
  const made = await act('connect');
  if (made?.ok) location.assign(made.url);
});
byId('sweep').addEventListener('click', () => act('sweep'));

/** Nothing works then, and should not look as if it did. */
function stopped(isStopped) {
  for (const part of document.querySelectorAll('nav, main')) part.inert = isStopped;
}

async function refresh() {
  try {
    render(await state());
    stopped(false);
  } catch {
    byId('jobber').textContent = 'The system has stopped.';
    stopped(true);
  }
}
await refresh();
setInterval(refresh, 1000);
