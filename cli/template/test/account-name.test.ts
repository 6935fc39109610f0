import { startJobberSimulator } from 'jobber-tokens/simulator';
import { afterAll, expect, it } from 'vitest';
import { handler } from '../functions/account-name.ts';

const jobber = await startJobberSimulator();
Object.assign(process.env, jobber.environment);
afterAll(() => jobber.close());

it('tells the name of the account', async () => {
  const accountId = jobber.connect(430114);
  expect(await handler({ accountId })).toBe('Maple Street Plumbing');
});

it('goes on when the access token has expired', async () => {
  const accountId = jobber.connect(602391);
  await handler({ accountId });
  jobber.expireAccessTokens(602391);
  expect(await handler({ accountId })).toBe('Harbour Window Cleaning');
});

it('says that the customer has to connect again', async () => {
  const accountId = jobber.connect(518027);
  jobber.disconnect(518027);
  await expect(handler({ accountId })).rejects.toMatchObject({ code: 'app_disconnected' });
});
