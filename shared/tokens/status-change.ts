import * as z from 'zod/mini';
import { isConnectionId } from './other-items.ts';

/** An attribute as DynamoDB writes it: of text or a number. */
interface Attribute {
  readonly S?: string | undefined;
  readonly N?: string | undefined;
}
type Image = Readonly<Record<string, Attribute>>;

/** What EventBridge is told of a connection; docs/events.md has it as JSON schemas. */
export interface StatusChange {
  readonly type:
    | 'connection.established'
    | 'connection.reconnect_required'
    | 'connection.restored'
    | 'connection.disconnected';
  readonly detail: {
    readonly accountId: string;
    readonly accountName: string;
    /** The owner's own id of the customer; of a connection that ends, the one that it had. */
    readonly ref: string | null;
    /** The Jobber user whose grant it is. */
    readonly userId: string | null;
    /** Whose grant was replaced, if it was active and another user's. */
    readonly previousUserId: string | null;
    /** The `ref` that this grant replaced by another one. */
    readonly previousRef: string | null;
    readonly grantId: string;
    readonly rotation: number;
    readonly status: 'active' | 'reconnect_required' | 'disconnected';
    readonly reason: string | null;
    /** ISO 8601. */
    readonly at: string;
  };
}

const text = z.pipe(
  z.object({ S: z.string() }),
  z.transform(({ S }) => S),
);
const number = z.pipe(
  z.object({ N: z.string().check(z.regex(/^\d+$/)) }),
  z.transform(({ N }) => Number(N)),
);
/** All that is read of an item: no token is among it. */
const Item = z.object({
  accountId: text,
  accountName: text,
  ref: z.optional(text),
  userId: z.optional(text),
  grantId: text,
  rotation: number,
  status: z.pipe(text, z.enum(['active', 'reconnect_required', 'disconnected'])),
  statusReason: z.optional(text),
  statusChangedAt: z.optional(number),
  connectedAt: number,
  refreshedAt: z.optional(number),
});
const Before = z.object({
  grantId: text,
  status: text,
  ref: z.optional(text),
  userId: z.optional(text),
});

/**
 * The status change that a write to the table was, if it was one: a new grant, or another status of the same grant. An
 * item that was deleted by hand is none.
 * @throws Error if the item after the write is no connection
 */
export function statusChangeOf(
  before: Image | undefined,
  after: Image | undefined,
): StatusChange | undefined {
  if (!after || !isConnectionId(after['accountId']?.S ?? '')) return undefined;
  const item = Item.parse(after);
  const was = Before.safeParse(before).data;
  const isNewGrant = was?.grantId !== item.grantId;
  if (!isNewGrant && was.status === item.status) return undefined;
  const { accountId, accountName, userId, grantId, rotation, status } = item;
  const active = isNewGrant
    ? ({ type: 'connection.established', at: item.connectedAt } as const)
    : ({ type: 'connection.restored', at: (item.refreshedAt ?? 0) * 1000 } as const);
  const { type, at } =
    status === 'active'
      ? active
      : ({ type: `connection.${status}`, at: item.statusChangedAt ?? 0 } as const);
  const replaced = isNewGrant && was?.status === 'active' ? was : undefined;
  return {
    type,
    detail: {
      accountId,
      accountName,
      // The end of a grant deletes its `ref`.
      ref: item.ref ?? (status === 'disconnected' ? was?.ref : undefined) ?? null,
      userId: userId ?? null,
      previousUserId: otherThan(userId, replaced?.userId),
      previousRef: isNewGrant ? otherThan(item.ref, was?.ref) : null,
      grantId,
      rotation,
      status,
      reason: item.statusReason ?? null,
      at: new Date(at).toISOString(),
    },
  };
}

const otherThan = (present: string | undefined, earlier: string | undefined): string | null =>
  earlier !== undefined && earlier !== present ? earlier : null;
