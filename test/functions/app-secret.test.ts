import { expect, it } from 'vitest';
import { APP_SECRET } from '../../local/aws/secrets.ts';
import { APP_SECRET_PLACEHOLDER } from '../../shared/jobber/app-secret.ts';
import { NOT_SET } from '../../shared/runtime/environment.ts';
import { MAPLE, testSystem } from '../support/local-system.ts';

it('says that the app is not set up until its owner has set the secret and the client id, and works as soon as that is done', async () => {
  const system = await testSystem();
  const { clientId, clientSecret } = system.simulator.settings;
  const start = () => fetch(`${system.url}/oauth/connect`, { redirect: 'manual' });
  const set = (app: object) => system.secrets.put(APP_SECRET, JSON.stringify(app));
  try {
    process.env['CLIENT_ID'] = NOT_SET;
    expect((await start()).status).toBe(500);
    expect(await (await start()).text()).toContain('The app is not set up correctly');

    process.env['CLIENT_ID'] = clientId;
    set(APP_SECRET_PLACEHOLDER);
    expect(await system.connect(MAPLE)).toContain('The app is not set up correctly');
    set({ clientId, clientSecret });
    expect(await system.connect(MAPLE)).toContain('Jobber is connected');

    // The client id of one app, the secret of another.
    process.env['CLIENT_ID'] = 'another';
    system.simulator.settings.clientId = 'another';
    const before = system.simulator.audit().totals.tokenRequests;
    expect(await system.connect(MAPLE)).toContain('The app is not set up correctly');
    expect(system.simulator.audit().totals.tokenRequests).toBe(before);
  } finally {
    await system.close();
  }
});
