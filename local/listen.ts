import { once } from 'node:events';
import type { Server } from 'node:http';
import { listenOnLoopback } from './jobber/loopback.ts';
import { OneClearLine } from './one-clear-line.ts';

/** Listens on this machine alone; 0 is any free port. Returns the port. @throws OneClearLine */
export async function listen(server: Server, port: number): Promise<number> {
  // Longer than any client keeps a connection idle: no request meets one that is being closed.
  server.keepAliveTimeout = 60_000;
  try {
    return await listenOnLoopback(server, port);
  } catch (error) {
    throw portError(error, port);
  }
}

export function portError(error: unknown, port: number): unknown {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    ? new OneClearLine(`Port ${port} is taken. Stop what uses it, or set PORT to another one.`)
    : error;
}

/** Breaks all connections and stops listening. */
export async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
