import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { ClassicLevel } from 'classic-level';
import dynalite from 'dynalite';
import { close, listen } from '../listen.ts';
import { OneClearLine } from '../one-clear-line.ts';
import { type Credentials, guarded } from './credentials.ts';

export interface LocalDynamoDb {
  readonly endpoint: string;
  readonly credentials: Credentials;
  /** Of tables that belong to the folder alone: other systems use the same DynamoDB. */
  readonly tablePrefix: string;
  close(): Promise<void>;
}

/** DynamoDB Local keeps the tables of each access key apart, so this one stays the same from start to start. */
const CREDENTIALS_OF_GIVEN: Credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

/**
 * The DynamoDB at `DYNAMODB_ENDPOINT`, or an embedded one that keeps its tables in `folder`, for programs that have the
 * credentials.
 */
export async function startDynamoDb(
  credentials: Credentials,
  folder: string,
): Promise<LocalDynamoDb> {
  const given = process.env['DYNAMODB_ENDPOINT'];
  if (given) {
    const digest = createHash('sha256').update(folder).digest('hex').slice(0, 12);
    return {
      endpoint: given,
      credentials: CREDENTIALS_OF_GIVEN,
      tablePrefix: `${digest}-`,
      async close() {},
    };
  }
  await assertUsable(folder);
  const server = dynalite({ path: folder, createTableMs: 0, deleteTableMs: 0 });
  const [answer] = server.listeners('request') as [RequestListener];
  server.removeListener('request', answer).on('request', guarded(credentials, answer));
  const port = await listen(server, 0);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    credentials,
    tablePrefix: '',
    close: () => close(server),
  };
}

/** Dynalite would only say so at the first request, and not why. */
async function assertUsable(folder: string): Promise<void> {
  const db = new ClassicLevel(folder);
  try {
    await db.open();
    await db.close();
  } catch (error) {
    const { code } = (error as { cause?: { code?: string } }).cause ?? {};
    throw new OneClearLine(
      code === 'LEVEL_LOCKED'
        ? `Another instance is running on ${folder}. Stop it first.`
        : `The folder ${folder} is damaged and cannot be opened. Delete it to start afresh.`,
    );
  }
}
