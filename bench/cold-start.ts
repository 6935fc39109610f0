import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { FunctionName } from '../functions/manifest.ts';
import { encodeAccountId } from '../local/jobber/accounts.ts';
import type { ActiveConnection } from '../shared/tokens/connection.ts';
import { connectionTable } from '../shared/tokens/connection-table.ts';
import { encodeRotation } from '../shared/tokens/escrow.ts';
import { bundle, bundleFunction, functionNames } from '../test/bundles/bundle.ts';
import { ours } from './ours.ts';
import { environmentOf, type Services } from './services.ts';
import { rotated, type Spread, spread } from './statistics.ts';

const run = promisify(execFile);

export interface ColdStart {
  readonly name: FunctionName | typeof CLIENT_ALONE;
  readonly bytes: number;
  /** Loading the module, in milliseconds. */
  readonly load: Spread;
  /** From the beginning of loading to the first answer, in milliseconds. */
  readonly firstAnswer: Spread;
  readonly loadOfClient: Spread;
  readonly firstAnswerOfClient: Spread;
}

export const CLIENT_ALONE = 'DynamoDB client alone';
const ACCOUNT = 3_000_000;

const SCRIPT = `
  const started = performance.now();
  const { handler } = require(process.argv[1]);
  const loaded = performance.now();
  const context = { getRemainingTimeInMillis: () => 25000 };
  handler(JSON.parse(process.argv[2]), context).then(() => {
    const times = [loaded - started, performance.now() - started];
    require('node:fs').writeSync(2, JSON.stringify(times));
    process.exit();
  });
`;

/** Each bundle in fresh processes of Node, which take turns; the clients find their services on this machine. */
export async function measureColdStart(
  services: Services,
  { runs }: { runs: number },
  folder: string,
): Promise<ColdStart[]> {
  const tableName = await services.newTable();
  const env = {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    ...environmentOf(services.at, tableName),
  };
  const events = await firstEvents(services, tableName);
  const alone = await bundle('test/bundles/dynamodb-client-alone.ts', `${folder}/client`);
  const subjects = [
    { name: CLIENT_ALONE, event: encodeAccountId(ACCOUNT), ...alone },
    ...(await Promise.all(
      functionNames.map(async (name) => ({
        name,
        event: events[name],
        ...(await bundleFunction(name, folder)),
      })),
    )),
  ] as const;
  const times = subjects.map((): [number, number][] => []);
  for (let turn = -1; turn < runs; turn++) {
    for (const index of rotated([...subjects.keys()], turn + 1)) {
      const { file, event } = subjects[index] ?? { file: '', event: {} };
      const { stderr } = await run(process.execPath, ['-e', SCRIPT, file, JSON.stringify(event)], {
        env,
      });
      // The first turn reads the files from the disk.
      if (turn >= 0) times[index]?.push(JSON.parse(stderr));
    }
  }
  const loads = times.map((each) => each.map(([load]) => load));
  const answers = times.map((each) => each.map(([, answer]) => answer));
  const ofClient = (own: readonly number[], client: readonly number[] | undefined) =>
    spread(own.map((ms, turn) => ms / (client?.[turn] ?? Number.NaN)));
  return subjects.map(({ name, bytes }, index) => ({
    name,
    bytes,
    load: spread(loads[index] ?? []),
    firstAnswer: spread(answers[index] ?? []),
    loadOfClient: ofClient(loads[index] ?? [], loads[0]),
    firstAnswerOfClient: ofClient(answers[index] ?? [], answers[0]),
  }));
}

/** For each function an event that it answers well. The connection is there, and not due. */
async function firstEvents(
  services: Services,
  tableName: string,
): Promise<Record<FunctionName, unknown>> {
  const { at } = services;
  const db = new DynamoDBClient({ endpoint: at.tableUrl });
  const accountId = encodeAccountId(ACCOUNT);
  const [tokens = { accessToken: '', refreshToken: '' }] = await services.grant([ACCOUNT]);
  await ours({ at, db, tableName }).save(accountId, tokens);
  const table = connectionTable(DynamoDBDocumentClient.from(db), tableName);
  const connection = (await table.get(accountId)) as ActiveConnection;
  db.destroy();
  // Superseded: the token that it says it redeemed is not the stored one.
  const rotation = encodeRotation({
    accountId,
    redeemed: Buffer.from('another') as never,
    successor: connection,
  });
  return {
    'oauth-connect': httpEvent('GET /oauth/connect'),
    'oauth-callback': httpEvent('GET /oauth/callback'),
    'get-token': { accountId },
    'refresh-sweep': {},
    'refresh-connection': message(JSON.stringify({ accountId })),
    'save-rotation': message(rotation),
  };
}

const message = (body: string) => ({
  Records: [{ messageId: '1', eventSource: 'aws:sqs', body }],
});

function httpEvent(routeKey: string) {
  const [method, path] = routeKey.split(' ');
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: '',
    headers: { host: 'example.com' },
    requestContext: { http: { method, path, sourceIp: '127.0.0.1' }, requestId: '1', routeKey },
    isBase64Encoded: false,
  };
}
