import { ClassicLevel } from 'classic-level';
import dynalite from 'dynalite';
import { close, listen } from '../listen.ts';
import { OneClearLine } from '../one-clear-line.ts';

/** An embedded DynamoDB that keeps its tables in `folder`. */
export async function startDynamoDb(
  folder: string,
): Promise<{ endpoint: string; close(): Promise<void> }> {
  await assertUsable(folder);
  const server = dynalite({ path: folder, createTableMs: 0, deleteTableMs: 0 });
  const port = await listen(server, 0);
  return { endpoint: `http://127.0.0.1:${port}`, close: () => close(server) };
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
