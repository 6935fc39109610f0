import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { timeouts } from './aws.ts';
import { environment } from './environment.ts';

let client: EventBridgeClient | undefined;

/** The name of the bus that events go to. */
export const eventBus = () => environment.eventBusName();

export const EVENT_SOURCE = 'jobber-tokens';

/** Puts one event on the bus of that name. Rejects if the bus does not take it. */
export async function putEvent(bus: string, type: string, detail: object): Promise<void> {
  client ??= new EventBridgeClient(timeouts(1_500));
  const { Entries = [] } = await client.send(
    new PutEventsCommand({
      Entries: [
        {
          EventBusName: bus,
          Source: EVENT_SOURCE,
          DetailType: type,
          Detail: JSON.stringify(detail),
        },
      ],
    }),
  );
  const { EventId, ErrorCode } = Entries[0] ?? {};
  if (!EventId) throw new Error(`The event bus did not take an event (${ErrorCode}).`);
}
