import { createHash } from 'node:crypto';
import { ClassicLevel } from 'classic-level';
import dynalite from 'dynalite';
import { close, listen } from '../listen.ts';
import { OneClearLine } from '../one-clear-line.ts';

export interface LocalDynamoDb {
  readonly endpoint: string;
  /** Of tables that belong to the folder alone: other systems use the same DynamoDB. */
  readonly tablePrefix: string;
  close(): Promise<void>;
}

/** The DynamoDB at `DYNAMODB_ENDPOINT`, or an embedded one that keeps its tables in `folder`. */
export async function startDynamoDb(folder: string): Promise<LocalDynamoDb> {
  const given = process.env['DYNAMODB_ENDPOINT'];
  if (given) {
    const digest = createHash('sha256').update(folder).digest('hex').slice(0, 12);
    return { endpoint: given, tablePrefix: `${digest}-`, async close() {} };
  }
  await assertUsable(folder);
  const server = dynalite({ path: folder, createTableMs: 0, deleteTableMs: 0 });
  const port = await listen(server, 0);
  return {
    endpoint: `http://127.0.0.1:${port}`,
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
