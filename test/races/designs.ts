import type { UpdateCommandInput } from '@aws-sdk/lib-dynamodb';
import { type Clock, plus } from '../../shared/runtime/clock.ts';
import { ESCROW_DELIVERY, ESCROW_LOOK } from '../../shared/tokens/budgets.ts';
import { LEASE_AND_MARKS, VERDICT } from '../../shared/tokens/conditional-update.ts';
import type { Connection } from '../../shared/tokens/connection.ts';
import type { ConnectionTable } from '../../shared/tokens/connection-table.ts';
import type { TokenHelper } from '../../shared/tokens/token-helper.ts';

/**
 * Designs that are known to lose tokens, as changes to what is written under the same code. A harness that does not find
 * out how would prove nothing.
 */
export type Design =
  | 'ours'
  /** Read, redeem, write. */
  | 'blind-write'
  /** Whoever finds the token due redeems it; the write is conditional on the old refresh token. */
  | 'conditional-write-only'
  /** A refusal is believed, whatever the table says by then. */
  | 'no-re-read'
  /** The rotation is stored only while the lease is held. */
  | 'store-needs-lease'
  /** A new grant takes the place of any other. */
  | 'any-grant-overwrites'
  /** A webhook deletes whatever grant there is. */
  | 'webhook-deletes-any'
  /** Answers before the rotation is stored. */
  | 'store-not-awaited'
  /** A token that came back unchanged is stored as a rotation is, without asking for the lease. */
  | 'unchanged-needs-no-lease'
  /** Whoever takes over an abandoned lease looks once, and does not wait for the escrow. */
  | 'takeover-does-not-wait'
  /** A lease is not extended while the answer is out. */
  | 'no-renew'
  /** The first refusal is a verdict. */
  | 'one-refusal-verdict'
  /** An unused connection is moved to its idle slot, whether or not it was used since it was read. */
  | 'move-ignores-use'
  /** An unused connection is moved to its idle slot, whether or not it connected anew since it was read. */
  | 'move-ignores-grant'
  /** A use is noted of a connection that is being disconnected, too: no sweep goes on with the disconnect. */
  | 'note-ignores-disconnect'
  /** The note writes the connection as it was read. */
  | 'note-writes-all'
  /** The caller is told that its use could not be noted. */
  | 'note-fails-call';

interface Change {
  /** Of each write, by the function of the table that makes it. */
  readonly rewrite?: (label: string, input: UpdateCommandInput) => UpdateCommandInput;
  /** Of the functions themselves; new for each process. */
  readonly table?: (table: ConnectionTable) => ConnectionTable;
  readonly clock?: (clock: Clock) => Clock;
  readonly helper?: (helper: TokenHelper) => TokenHelper;
}

const LEASE_MINE = 'leaseId = :lease';
const THIS_GRANT = 'grantId = :grantId';
const NOT_USED = 'attribute_not_exists(usedAt)';
const NOT_DISCONNECTING = 'attribute_not_exists(disconnectingSince)';
const LEASE_FREE = /\(attribute_not_exists\(leaseExpiresAt\)[^)]*\) AND /;
const NO_LATER_GRANT = / AND \(attribute_not_exists\(connectedAt\).*$/;

export const designs: Record<Design, () => Change> = {
  ours: () => ({}),

  'blind-write': () => ({
    rewrite: (label, input) => {
      if (label === 'claim') return withoutLease(input);
      return label === 'store' || label === 'lapse' ? unconditional(input) : input;
    },
  }),

  'conditional-write-only': () => ({
    rewrite: (label, input) => {
      if (label === 'claim') return withoutLease(input);
      return label === 'lapse' ? withCondition(input, (text) => drop(text, LEASE_MINE)) : input;
    },
  }),

  'no-re-read': () => ({
    rewrite: (label, input) => (label === 'lapse' ? unconditional(input) : input),
    table: believesRefusals,
  }),

  'store-needs-lease': () => {
    let lease: unknown;
    return {
      rewrite: (label, input) => {
        const values = input.ExpressionAttributeValues ?? {};
        if (label === 'claim') lease = values[':lease'];
        if (label !== 'store' || lease === undefined) return input;
        return {
          ...withCondition(input, (text) => `${text} AND ${LEASE_MINE}`),
          ExpressionAttributeValues: { ...values, ':lease': lease },
        };
      },
    };
  },

  'any-grant-overwrites': () => ({
    rewrite: (label, input) =>
      label === 'saveGrant'
        ? withCondition(input, (text) => text.replace(NO_LATER_GRANT, ''))
        : input,
  }),

  'webhook-deletes-any': () => ({
    rewrite: (label, input) => (label === 'end' ? unconditional(input) : input),
    table: (table) => ({
      ...table,
      // It is told of a grant that is as old as the account.
      async get(...args) {
        const found = await table.get(...args);
        return found && { ...found, connectedAt: 0 as never };
      },
    }),
  }),

  'store-not-awaited': () => ({
    table: (table) => ({
      ...table,
      async store(...args) {
        void table.store(...args).catch(() => undefined);
        return { stored: true };
      },
    }),
  }),

  'unchanged-needs-no-lease': () => ({
    rewrite: (label, input) =>
      label === 'storeUnchanged'
        ? {
            ...withCondition(input, (text) => drop(text, LEASE_MINE)),
            UpdateExpression: input.UpdateExpression?.replace(
              /REMOVE .*/,
              `REMOVE ${LEASE_AND_MARKS}, ${VERDICT}`,
            ),
          }
        : input,
  }),

  'takeover-does-not-wait': () => ({ clock: skipsEscrowLooks }),

  'no-renew': () => ({
    table: (table) => ({ ...table, renew: async () => ({ written: true, before: undefined }) }),
  }),

  'one-refusal-verdict': () => ({
    table: (table) => ({
      ...table,
      async get(...args) {
        const found = await table.get(...args);
        return found && { ...found, refusedAt: 1 as never };
      },
    }),
  }),

  'move-ignores-use': () => ({
    rewrite: (label, input) =>
      label === 'move' ? withCondition(input, (text) => drop(text, NOT_USED)) : input,
  }),

  'move-ignores-grant': () => ({
    rewrite: (label, input) =>
      label === 'move' ? withCondition(input, (text) => drop(text, THIS_GRANT)) : input,
  }),

  'note-ignores-disconnect': () => ({
    rewrite: (label, input) =>
      label === 'noteUse' ? withCondition(input, (text) => drop(text, NOT_DISCONNECTING)) : input,
  }),

  'note-writes-all': () => {
    let read: Connection | undefined;
    return {
      rewrite: (label, input) => (label === 'noteUse' && read ? writingAll(read, input) : input),
      table: (table) => ({
        ...table,
        async get(...args) {
          read = await table.get(...args);
          return read;
        },
      }),
    };
  },

  'note-fails-call': () => {
    let failure: Error | undefined;
    return {
      table: (table) => ({
        ...table,
        noteUse: (...args) =>
          table.noteUse(...args).catch((error: Error) => {
            failure = error;
            throw error;
          }),
      }),
      helper: (helper) => ({
        ...helper,
        async getAccessToken(...args) {
          const token = await helper.getAccessToken(...args);
          if (failure) throw failure;
          return token;
        },
      }),
    };
  },
};

/** The pause before a look at what the escrow brought takes no time, and after one look the wait is over. */
function skipsEscrowLooks(clock: Clock): Clock {
  let hasLooked = false;
  return {
    ...clock,
    now() {
      const now = plus(clock.now(), hasLooked ? ESCROW_DELIVERY : 0);
      hasLooked = false;
      return now;
    },
    async sleep(ms) {
      if (ms !== ESCROW_LOOK) return clock.sleep(ms);
      hasLooked = true;
    },
  };
}

function believesRefusals(table: ConnectionTable): ConnectionTable {
  let claimed: Connection | undefined;
  return {
    ...table,
    async claim(...args) {
      const claim = await table.claim(...args);
      if (!claim.claimed) return claim;
      const { inDoubtSince: _, ...before } = claim.before;
      claimed = { ...before, refusedAt: 1 as never };
      return { ...claim, abandoned: false };
    },
    async get(...args) {
      const before = claimed;
      claimed = undefined;
      return before ?? table.get(...args);
    },
  };
}

/** Sets all other attributes to what they were. */
function writingAll(read: Connection, input: UpdateCommandInput): UpdateCommandInput {
  const already = ['accountId', 'usedAt', 'sweepSlot'];
  const rest = Object.entries(read).filter(([name]) => !already.includes(name));
  const clauses = rest.map(([name]) => `${name} = :as-read-${name}`);
  return {
    ...input,
    UpdateExpression: [input.UpdateExpression, ...clauses].join(', '),
    ExpressionAttributeValues: {
      ...input.ExpressionAttributeValues,
      ...Object.fromEntries(rest.map(([name, value]) => [`:as-read-${name}`, value])),
    },
  };
}

/** Takes the token if it is due, and nothing keeps anybody else from doing so. */
const withoutLease = (input: UpdateCommandInput): UpdateCommandInput => ({
  ...withCondition(input, (text) => text.replace(LEASE_FREE, '')),
  UpdateExpression: 'SET seenBy = :lease',
});

const withCondition = (input: UpdateCommandInput, change: (text: string) => string) => ({
  ...input,
  ConditionExpression: change(input.ConditionExpression ?? ''),
});

function unconditional({ ConditionExpression: _, ...input }: UpdateCommandInput) {
  return input;
}

const drop = (text: string, term: string) => text.replace(` AND ${term}`, '');
