import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { timeouts } from './aws.ts';
import { environment } from './environment.ts';

export interface EventBus {
  readonly client: EventBridgeClient;
  readonly name: string;
}

export const eventBus = (): EventBus => ({
  client: new EventBridgeClient(timeouts(1_500)),
  name: environment.eventBusName(),
});

export const EVENT_SOURCE = 'jobber-tokens';

/** Puts one event on the bus. Rejects if the bus does not take it. */
export async function putEvent(
  { client, name }: EventBus,
  type: string,
  detail: object,
): Promise<void> {
  const { Entries = [] } = await client.send(
    new PutEventsCommand({
      Entries: [
        {
          EventBusName: name,
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
