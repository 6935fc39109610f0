import { expect, it } from 'vitest';
import { APP_SECRET } from '../../local/aws/secrets.ts';
import { APP_SECRET_PLACEHOLDER } from '../../shared/jobber/app-secret.ts';
import { MAPLE, testSystem } from '../support/local-system.ts';

it('says that the app is not set up until its owner has set the secret, and works as soon as that is done', async () => {
  const system = await testSystem();
  const { clientId, clientSecret } = system.simulator.settings;
  const connect = () => fetch(`${system.url}/oauth/connect`, { redirect: 'manual' });
  const set = (app: object) => system.secrets.put(APP_SECRET, JSON.stringify(app));
  try {
    set(APP_SECRET_PLACEHOLDER);
    const refused = await connect();
    expect(refused.status).toBe(500);
    expect(await refused.text()).toContain('The app is not set up correctly');

    set({ clientId, clientSecret });
    expect((await connect()).status).toBe(302);
    expect(await system.connect(MAPLE)).toContain('Jobber is connected');
  } finally {
    await system.close();
  }
});
