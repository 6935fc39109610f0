import type { ConsumedCapacity, DynamoDBClient } from '@aws-sdk/client-dynamodb';

export interface Units {
  read: number;
  write: number;
  /** Write units of the index, where the implementation reports them. */
  index: number;
}

/** Counts the capacity that a client consumes. Returns a function that tells the units since it was last asked. */
export function countUnits(client: Pick<DynamoDBClient, 'middlewareStack'>): () => Units {
  let units: Units = { read: 0, write: 0, index: 0 };
  client.middlewareStack.add(
    (next, context) => async (args) => {
      Object.assign(args.input, { ReturnConsumedCapacity: 'INDEXES' });
      const { output, ...result } = await next(args);
      const { ConsumedCapacity: consumed } = output as { ConsumedCapacity?: ConsumedCapacity };
      const isRead = /^(Get|Query)/.test(String(context['commandName']));
      const indexes = Object.values(consumed?.GlobalSecondaryIndexes ?? {});
      const ofIndex = indexes.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
      const ofTable = (consumed?.CapacityUnits ?? 0) - ofIndex;
      units[isRead ? 'read' : 'write'] += isRead ? ofTable + ofIndex : ofTable;
      if (!isRead) units.index += ofIndex;
      return { output, ...result };
    },
    { step: 'initialize', priority: 'low' },
  );
  return () => {
    const counted = units;
    units = { read: 0, write: 0, index: 0 };
    return counted;
  };
}
