import { randomUUID } from 'node:crypto';

/** An event as a rule's target is given it, as far as it depends on who put it. */
export interface BusEvent {
  readonly id: string;
  readonly source: string;
  readonly 'detail-type': string;
  /** ISO 8601, in whole seconds. */
  readonly time: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

interface Entry {
  readonly Source: string;
  readonly DetailType: string;
  readonly Detail: string;
  readonly EventBusName: string;
}

export const EVENT_BUS = 'jobber-tokens';

const KEPT = 100;

export type LocalEventBus = ReturnType<typeof localEventBus>;

/** An EventBridge bus without rules: it keeps the last events for people and tests to see. */
export function localEventBus(heard: (event: BusEvent) => void) {
  let events: BusEvent[] = [];
  let refuses = false;

  function take({ Source, DetailType, Detail, EventBusName }: Entry) {
    if (refuses) return { ErrorCode: 'InternalFailure' };
    if (EventBusName !== EVENT_BUS) return { ErrorCode: 'ResourceNotFoundException' };
    const event: BusEvent = {
      id: randomUUID(),
      source: Source,
      'detail-type': DetailType,
      time: `${new Date().toISOString().slice(0, 19)}Z`,
      detail: JSON.parse(Detail),
    };
    events = [event, ...events].slice(0, KEPT);
    heard(event);
    return { EventId: event.id };
  }

  return {
    /** What `PutEvents` answers. */
    put(entries: readonly Entry[]) {
      const Entries = entries.map(take);
      return { Entries, FailedEntryCount: Entries.filter(({ ErrorCode }) => ErrorCode).length };
    },
    /** Takes nothing, until the returned function is called. */
    refuse() {
      refuses = true;
      return () => {
        refuses = false;
      };
    },
    /** Newest first. */
    events: (): readonly BusEvent[] => events,
  };
}
