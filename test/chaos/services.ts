import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { queues } from '../../functions/manifest.ts';
import { credentialsOfProcess } from '../../local/aws/credentials.ts';
import { startDynamoDb } from '../../local/aws/dynamodb.ts';
import { awsEndpoint } from '../../local/aws/endpoint.ts';
import { localEventBus } from '../../local/aws/event-bus.ts';
import { localSecrets, SEALING_SECRET } from '../../local/aws/secrets.ts';
import { startSqs } from '../../local/aws/sqs.ts';
import { createConnectionsTable } from '../../local/aws/tables.ts';
import { startJobberSimulator } from '../../local/jobber/simulator.ts';
import { listen } from '../../local/listen.ts';
import { fastClock } from './fast-clock.ts';
import type { Services, ServicesOptions, ToServices } from './messages.ts';

/* The process that no fault meets: DynamoDB, SQS, Secrets Manager and the simulated Jobber. */

const options = JSON.parse(process.argv[2] ?? '') as ServicesOptions;
const clock = fastClock(options.clock);
process.on('message', ({ ms }: ToServices) => clock.advance(ms));
process.on('disconnect', () => process.exit());

// The containers are given the same.
const credentials = credentialsOfProcess();
const dynamoDb = await startDynamoDb(credentials, join(options.folder, 'dynamodb'));
const table = new DynamoDBClient({ endpoint: dynamoDb.endpoint });
const tableName = `${dynamoDb.tablePrefix}${options.tableName}`;
await createConnectionsTable(table, tableName);

const sqs = await startSqs(credentials);
const sqsUrl = `http://127.0.0.1:${sqs.port}`;
const jobber = await startJobberSimulator({
  now: clock.now,
  accessTokenLifetimeSeconds: options.accessTokenLifetime,
  // A token that outlived its grant would look alive.
  reauthorizationRevokes: true,
});
const { clientId, clientSecret } = jobber.settings;
const secrets = localSecrets(join(options.folder, 'sealing-key.json'), { clientId, clientSecret });
const noFunctions = { has: () => false, invoke: async () => undefined };
const secretsPort = await listen(
  awsEndpoint(
    credentials,
    secrets,
    localEventBus(() => undefined),
    noFunctions,
  ),
  0,
);

process.send?.({
  dynamoDbUrl: dynamoDb.endpoint,
  tableName,
  jobberUrl: jobber.url.replace('localhost', '127.0.0.1'),
  clientId,
  sqsUrl,
  secretsUrl: `http://127.0.0.1:${secretsPort}`,
  queues: { refresh: queue('refresh'), escrow: queue('escrow') },
  sealing: secrets.find(SEALING_SECRET) ?? { id: '', value: '' },
} satisfies Services);

/** As deployed, but for the system's clock: the visibility time-out is in whole seconds of this machine's. */
function queue(name: 'refresh' | 'escrow'): string {
  const { maxReceiveCount } = queues[name];
  const { queueArn: deadLetterTargetArn } = sqs.createQueue(`${name}-dead-letters`);
  const visibility = clock.real(queues[name].visibilitySeconds);
  const { queueUrl } = sqs.createQueue(name, {
    attributes: {
      VisibilityTimeout: String(Math.ceil(visibility)),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
    },
  });
  return `${sqsUrl}${new URL(queueUrl).pathname}`;
}
