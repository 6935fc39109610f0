import { type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import type { EpochSeconds } from '../runtime/clock.ts';
import { inTime } from '../runtime/in-time.ts';
import { TABLE_CALL } from './budgets.ts';
import { conditionalUpdate } from './conditional-update.ts';
import type { ActiveConnection, Connection } from './connection.ts';
import { grantWrites } from './grant-writes.ts';
import { leaseWrites } from './lease-writes.ts';
import type { Sealed } from './sealing.ts';
import { storeWrites } from './store-writes.ts';
import { useWrites } from './use-writes.ts';

/*
 * Every write of a rotation has a condition that decides its race.
 *
 *   CLAIM ───────── REDEEM ───────── STORE            the holder, undisturbed
 *   │ lease is free  │ RENEW          │ refreshToken is still the one redeemed
 *   │                └─ refused ───── RELEASE, LAPSE  refreshToken and lease are still ours
 *   └─ otherwise: somebody else refreshes, or did
 *
 *   a new grant replaces everything · END deletes the tokens of the grant that it is about
 *
 * `lease-writes.ts`: CLAIM, RENEW, RELEASE, LAPSE · `store-writes.ts`: STORE · `grant-writes.ts`: a new grant, END ·
 * `use-writes.ts`: NOTE USE, MOVE
 */
/** What makes a connection due for a refresh. */
export interface DueWhen {
  /** Its access token does not last beyond this. */
  readonly horizon: EpochSeconds;
  /** Or the API rejected this very access token. */
  readonly rejected?: Sealed<'accessToken'> | undefined;
}

export type Claim<C extends Connection = ActiveConnection> =
  | { readonly claimed: true; readonly before: C; readonly abandoned: boolean }
  | { readonly claimed: false; readonly found: Connection | undefined };

export interface Successor {
  /** Absent if the answer was cut off before it. */
  readonly accessToken?: Sealed<'accessToken'> | undefined;
  readonly refreshToken: Sealed<'refreshToken'>;
  readonly accessTokenExpiresAt: EpochSeconds;
  readonly refreshedAt: EpochSeconds;
}

/** Whether a rotation is in the table, or `found` took the place of the redeemed token first. */
export type StoreResult =
  | { readonly stored: true }
  | { readonly stored: false; readonly found: Connection | undefined };

export type ConnectionTable = ReturnType<typeof connectionTable>;

/**
 * The connections in DynamoDB. Each call ends within {@link TABLE_CALL}, or sooner if it is told so. Methods throw the
 * SDK's errors, except for failed conditions. A write recognises its own repetition: the SDK retries a write whose reply was
 * lost, and the retry fails the condition.
 */
export function connectionTable(client: DynamoDBDocumentClient, tableName: string) {
  /** One strongly consistent read. */
  async function get(accountId: string, withinMs = TABLE_CALL): Promise<Connection | undefined> {
    const command = new GetCommand({
      TableName: tableName,
      Key: { accountId },
      ConsistentRead: true,
    });
    const { Item } = await inTime(withinMs, (abortSignal) => client.send(command, { abortSignal }));
    return Item as Connection | undefined;
  }

  const update = conditionalUpdate(client, tableName, get);
  return {
    get,
    ...leaseWrites(update),
    ...storeWrites(update),
    ...grantWrites(update),
    ...useWrites(update),
  };
}
