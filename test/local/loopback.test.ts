import { tracingChannel } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestSystem, testSystem } from '../support/local-system.ts';

const listening: Server[] = [];
const heard = {
  asyncEnd: (message: object) => void listening.push((message as { server: Server }).server),
};
const channel = tracingChannel('net.server.listen');

let system: TestSystem;
beforeAll(async () => {
  channel.subscribe(heard as never);
  system = await testSystem();
});
afterAll(async () => {
  channel.unsubscribe(heard as never);
  await system.close();
});

it('listens on 127.0.0.1 with every server of the local system', () => {
  const addresses = listening.map((server) => server.address());
  // The pages, Jobber, AWS's other services, the table, what records its writes, and the queues.
  expect(addresses).toHaveLength(6);
  for (const address of addresses) expect(address).toMatchObject({ address: '127.0.0.1' });
});
