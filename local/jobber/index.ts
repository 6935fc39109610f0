import { close } from '../listen.ts';
import type { AccountId } from './accounts.ts';
import { listenOnLoopback } from './loopback.ts';
import { simulatedFunctions } from './simulated-functions.ts';
import {
  type JobberSimulator,
  type JobberSimulatorOptions,
  startJobberSimulator as startSimulator,
} from './simulator.ts';

/* What the owner's tests import, as `jobber-tokens/simulator`: docs/testing.md. */

export type { AccountId } from './accounts.ts';
export { SimulatorUsageError } from './checks.ts';
export type { Fault } from './faults.ts';
export type { SimulatorSettings } from './settings.ts';
export type { JobberSimulator, JobberSimulatorOptions } from './simulator.ts';

/** A Jobber on this machine, and what `jobber-tokens/client` needs to use it. */
export interface SimulatedJobber extends JobberSimulator {
  /** For `process.env`: leads `jobber-tokens/client`, and the AWS SDK's Lambda client, to this simulator. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Connects an account, as if a user had allowed it: from now on `get-token` has a token for it.
   * @returns Jobber's `account.id`
   */
  connect(accountId: AccountId): string;
}

/**
 * Starts a Jobber of one's own on 127.0.0.1: authorization page, token endpoint, GraphQL and webhooks; and beside it the functions
 * `get-token` and `disconnect`, as far as a caller can tell.
 * @throws Error if the state file is corrupt or the port taken, SimulatorUsageError for wrong settings
 */
export async function startJobberSimulator(
  options: JobberSimulatorOptions = {},
): Promise<SimulatedJobber> {
  const simulator = await startSimulator(options);
  const functions = simulatedFunctions(simulator, options.now ?? Date.now);
  const { server, connect } = functions;
  const port = await listenOnLoopback(server, 0);
  return {
    ...simulator,
    connect,
    environment: {
      JOBBER_BASE_URL: simulator.url,
      JOBBER_TOKENS_GET_TOKEN_FUNCTION: 'get-token',
      JOBBER_TOKENS_DISCONNECT_FUNCTION: 'disconnect',
      AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'simulated',
      AWS_SECRET_ACCESS_KEY: 'simulated',
    },
    reset() {
      functions.reset();
      simulator.reset();
    },
    async close() {
      await close(server);
      await simulator.close();
    },
  };
}
