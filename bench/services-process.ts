import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { queues } from '../functions/manifest.ts';
import { credentialsOfProcess } from '../local/aws/credentials.ts';
import { awsEndpoint } from '../local/aws/endpoint.ts';
import { localEventBus } from '../local/aws/event-bus.ts';
import { localSecrets, SEALING_SECRET } from '../local/aws/secrets.ts';
import { startSqs } from '../local/aws/sqs.ts';
import { startJobberSimulator } from '../local/jobber/simulator.ts';
import { listen } from '../local/listen.ts';
import { serve } from './serve.ts';

/* Jobber, SQS, Secrets Manager and EventBridge: what is not the table. */

const jobber = await startJobberSimulator();
const credentials = credentialsOfProcess();
const sqs = await startSqs(credentials);
const folder = mkdtempSync(join(tmpdir(), 'jobber-tokens-bench-'));
const { clientId, clientSecret } = jobber.settings;
const secrets = localSecrets(join(folder, 'sealing-key.json'), { clientId, clientSecret });
rmSync(folder, { recursive: true });
const bus = localEventBus(() => undefined);
const noFunctions = { has: () => false, invoke: async () => undefined };
const secretsPort = await listen(awsEndpoint(credentials, secrets, bus, noFunctions), 0);
const sqsUrl = `http://127.0.0.1:${sqs.port}`;
const queue = (name: keyof typeof queues) => {
  const { queueUrl } = sqs.createQueue(name, {
    attributes: { VisibilityTimeout: String(queues[name].visibilitySeconds) },
  });
  return `${sqsUrl}${new URL(queueUrl).pathname}`;
};

/** Issues a grant to each account at once: thousands of requests to the control would take longer than what they prepare. */
serve(
  async (accounts: readonly number[]) => accounts.map((account) => jobber.issueGrant(account)),
  {
    jobberUrl: jobber.url.replace('localhost', '127.0.0.1'),
    sqsUrl,
    secretsUrl: `http://127.0.0.1:${secretsPort}`,
    refreshQueue: queue('refresh'),
    escrowQueue: queue('escrow'),
    clientId,
    clientSecret,
    sealing: secrets.find(SEALING_SECRET),
  },
);
