import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { bundle, bundleFunction, functionNames } from '../build/bundle.ts';
import type { FunctionName } from '../functions/manifest.ts';
import { firstEvents, STORED_ACCOUNT } from './first-events.ts';
import { environmentOf, type Services } from './services.ts';
import { rotated, type Spread, spread } from './statistics.ts';

const run = promisify(execFile);

export interface ColdStart {
  readonly name: FunctionName | typeof CLIENT_ALONE | typeof LEAN_CLIENT_ALONE;
  readonly bytes: number;
  /** Loading the module, in milliseconds. */
  readonly load: Spread;
  /** From the beginning of loading to the first answer, in milliseconds. */
  readonly firstAnswer: Spread;
  readonly loadOfClient: Spread;
  readonly firstAnswerOfClient: Spread;
}

/** As anybody would bundle it; and with our own saving. */
export const CLIENT_ALONE = 'DynamoDB client alone';
export const LEAN_CLIENT_ALONE = 'the same, leaner';

const SCRIPT = `
  const started = performance.now();
  const { handler } = require(process.argv[1]);
  const loaded = performance.now();
  const context = { getRemainingTimeInMillis: () => 179000 };
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
  const client = 'test/bundles/dynamodb-client-alone.ts';
  const subjects = [
    {
      name: CLIENT_ALONE,
      event: STORED_ACCOUNT,
      ...(await bundle(client, `${folder}/client`, false)),
    },
    {
      name: LEAN_CLIENT_ALONE,
      event: STORED_ACCOUNT,
      ...(await bundle(client, `${folder}/lean-client`)),
    },
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
