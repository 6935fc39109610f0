import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  GetCommand,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { type EpochMs, plus } from '../runtime/clock.ts';
import { inTime } from '../runtime/in-time.ts';
import { LEASE, LONGEST_LEASE, PROBE_EVERY, PROMPT_PROBES, TABLE_CALL } from './budgets.ts';
import { BREAKER_ID } from './other-items.ts';

interface Item {
  /** Present while the breaker is open. */
  readonly openedAt?: EpochMs;
  readonly probeId?: string;
  /** No other probe may go before. */
  readonly probeEndsAt?: EpochMs;
  /** How many probes in a row brought a prompt answer. */
  readonly prompt?: number;
}

export type BreakerItem = ReturnType<typeof breakerItem>;

/** The state of the circuit breaker, an item in the table of the connections. Methods throw the SDK's errors. */
export function breakerItem(client: DynamoDBDocumentClient, tableName: string) {
  const Key = { accountId: BREAKER_ID };
  const IF_MINE = { ConditionExpression: 'probeId = :probe' };

  async function get(ConsistentRead: boolean): Promise<Item> {
    const command = new GetCommand({ TableName: tableName, Key, ConsistentRead });
    const { Item = {} } = await inTime(TABLE_CALL, (abortSignal) =>
      client.send(command, { abortSignal }),
    );
    return Item;
  }

  /** @returns the item if the condition failed */
  async function update(expression: Partial<UpdateCommandInput>): Promise<Item | undefined> {
    const command = new UpdateCommand({
      TableName: tableName,
      Key,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      ...expression,
    });
    try {
      await inTime(TABLE_CALL, (abortSignal) => client.send(command, { abortSignal }));
      return undefined;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return error.Item ? unmarshall(error.Item) : get(true);
    }
  }

  /** Nobody else may probe before `until`. */
  async function holdProbe(probe: string, until: EpochMs): Promise<void> {
    await update({
      UpdateExpression: 'SET probeEndsAt = :until',
      ...IF_MINE,
      ExpressionAttributeValues: { ':probe': probe, ':until': until },
    });
  }

  return {
    /**
     * Whether the breaker is open, and whether somebody may probe. Not consistent, it costs half a read unit, and may be a second
     * old. One item takes 1,000 writes a second, so whoever may not probe must learn it by reading.
     */
    async look(now: EpochMs, consistent: boolean): Promise<'closed' | 'probe is due' | 'open'> {
      const { openedAt, probeEndsAt = now } = await get(consistent);
      if (openedAt === undefined) return 'closed';
      return probeEndsAt <= now || probeEndsAt > plus(now, LONGEST_LEASE) ? 'probe is due' : 'open';
    },

    /** Opens the breaker, unless it is open. */
    async open(now: EpochMs): Promise<void> {
      await update({
        UpdateExpression: 'SET openedAt = :now, probeEndsAt = :until REMOVE probeId, prompt',
        ConditionExpression: 'attribute_not_exists(openedAt)',
        ExpressionAttributeValues: { ':now': now, ':until': plus(now, PROBE_EVERY) },
      });
    },

    /** Takes the place of the probe, if nobody has it and the last probe is long enough ago. */
    async takeProbe(probe: string, now: EpochMs): Promise<'taken' | 'refused' | 'closed'> {
      const found = await update({
        UpdateExpression: 'SET probeId = :probe, probeEndsAt = :until',
        // Ignore a place that is taken for too long: a clock was wrong.
        ConditionExpression:
          'attribute_exists(openedAt) AND (probeEndsAt <= :now OR probeEndsAt > :latest)',
        ExpressionAttributeValues: {
          ':probe': probe,
          ':now': now,
          ':until': plus(now, LEASE),
          ':latest': plus(now, LONGEST_LEASE),
        },
      });
      if (!found || found.probeId === probe) return 'taken';
      return found.openedAt === undefined ? 'closed' : 'refused';
    },

    holdProbe,

    /** The probe brought a prompt answer. Enough of them in a row close the breaker. */
    async succeeded(probe: string, nextProbe: EpochMs): Promise<void> {
      const values = { ':probe': probe, ':enough': PROMPT_PROBES - 1 };
      const notYet = await update({
        UpdateExpression: 'REMOVE openedAt, probeId, probeEndsAt, prompt',
        ConditionExpression: 'probeId = :probe AND prompt >= :enough',
        ExpressionAttributeValues: values,
      });
      if (!notYet) return;
      await update({
        UpdateExpression:
          'SET probeEndsAt = :until, prompt = if_not_exists(prompt, :zero) + :one REMOVE probeId',
        ...IF_MINE,
        ExpressionAttributeValues: { ':probe': probe, ':until': nextProbe, ':zero': 0, ':one': 1 },
      });
    },

    /** The probe's answer was late or lost. */
    async failed(probe: string, nextProbe: EpochMs): Promise<void> {
      await update({
        UpdateExpression: 'SET probeEndsAt = :until REMOVE prompt, probeId',
        ...IF_MINE,
        ExpressionAttributeValues: { ':probe': probe, ':until': nextProbe },
      });
    },
  };
}
