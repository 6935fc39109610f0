import { unlessAborted } from './aborting.ts';
import type { Document } from './document.ts';
import { NotPageableError } from './errors.ts';
import {
  type Executed,
  type JobberClient,
  type QueryOptions,
  restoredInMs,
} from './jobber-client.ts';

/** A connection field (Relay's specification, which Jobber follows), as far as paging needs it. */
export interface Connection {
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly endCursor?: string | null | undefined;
  };
}

/** Variables with a cursor, under the name that Jobber gives it. */
export interface Cursor {
  readonly after?: string | null | undefined;
}

/** One page after the other, each asked for when the account has the points for it again. */
export async function* pages<Result, Page extends Connection>(
  client: JobberClient,
  accountId: string,
  document: Document<Result, never>,
  variables: object & Cursor,
  connectionOf: (data: Result) => Page,
  options: QueryOptions = {},
): AsyncGenerator<Page, void, undefined> {
  let { after } = variables;
  for (;;) {
    const executed = await client.execute(accountId, document, { ...variables, after }, options);
    const page = connectionOf(executed.data);
    const next = cursorBehind(page, after);
    yield page;
    if (next === undefined) return;
    after = next;
    await untilRestored(client, executed, options.signal);
  }
}

/** @returns undefined behind the last page */
function cursorBehind(page: Connection, after: Cursor['after']): string | undefined {
  const { hasNextPage, endCursor } = page?.pageInfo ?? {};
  if (typeof hasNextPage !== 'boolean' || endCursor === undefined)
    throw new NotPageableError(
      'The connection must be selected with pageInfo { hasNextPage endCursor }.',
    );
  if (!hasNextPage) return undefined;
  if (endCursor === null || endCursor === after)
    throw new NotPageableError(
      'There is a next page, but the cursor does not move. Does the query pass $after on to the connection?',
    );
  return endCursor;
}

/** The next page costs what this one did: waiting beforehand spares Jobber, and others who query the account, a refusal. */
async function untilRestored(
  { clock }: JobberClient,
  { cost, answeredAt }: Executed<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!cost) return;
  const wait = answeredAt + restoredInMs(cost) - clock.now();
  if (wait > 0) await unlessAborted(clock.sleep(wait), signal);
}
