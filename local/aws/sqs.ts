import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { type buildApp, type FauxqsServer, startFauxqs } from 'fauxqs';
import { close, listen } from '../listen.ts';
import { type Credentials, guarded } from './credentials.ts';

type App = ReturnType<typeof buildApp>;

export type LocalSqs = Pick<FauxqsServer, 'port' | 'createQueue' | 'stop'>;

/**
 * Starts an SQS on 127.0.0.1, at any free port, for programs that have the credentials.
 * @param folder keeps the messages; without it they are lost when the SQS stops
 */
export async function startSqs(credentials: Credentials, folder?: string): Promise<LocalSqs> {
  let server = createServer();
  const starting = whileAppsAreMade(
    (app) => {
      // The package listens on every address of the machine and has no option for it.
      app.listen = (async () => {
        await app.ready();
        server = createServer(guarded(credentials, app.routing));
        return `http://127.0.0.1:${await listen(server, 0)}`;
      }) as App['listen'];
    },
    () => startFauxqs({ logger: false, ...(folder !== undefined && { dataDir: folder }) }),
  );
  const { port, createQueue, stop } = await starting;
  if (!server.listening) throw new Error('The SQS listens where it should not.');
  return {
    port,
    createQueue,
    async stop() {
      await stop();
      await close(server);
    },
  };
}

/** Fastify tells this channel of each app that it makes, before the app listens. */
function whileAppsAreMade<Result>(change: (app: App) => void, make: () => Result): Result {
  const made = (message: unknown) => change((message as { fastify: App }).fastify);
  subscribe('fastify.initialization', made);
  try {
    return make();
  } finally {
    unsubscribe('fastify.initialization', made);
  }
}
