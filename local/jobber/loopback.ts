import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';

/**
 * Listens on this machine alone, for whatever `localhost` is: browsers try `::1` first, and whoever listens there would get
 * what is meant for us. 0 is any free port. Returns the port. Rejects with `EADDRINUSE` if another program has one of the two.
 */
export async function listenOnLoopback(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as AddressInfo;
  const ipv6 = createServer((socket) => server.emit('connection', socket));
  try {
    ipv6.listen(own, '::1');
    await once(ipv6, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') return own; // There is no IPv6.
    server.close();
    throw error;
  }
  ipv6.unref();
  server.once('close', () => ipv6.close());
  return own;
}
