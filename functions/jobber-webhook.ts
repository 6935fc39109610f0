import { createHash } from 'node:crypto';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { MAX_WEBHOOK_BYTES, readWebhook, type WebhookEvent } from '../shared/jobber/webhook.ts';
import { SIGNATURE_HEADER } from '../shared/jobber/webhook-signature.ts';
import { clock, jobberSignature, table } from '../shared/jobber/wiring.ts';
import { plus } from '../shared/runtime/clock.ts';
import { eventBus, putEvent } from '../shared/runtime/event-bus.ts';
import { count, logger, publishMetrics } from '../shared/runtime/telemetry.ts';
import { endConnection, isAboutGrantBefore } from '../shared/tokens/end-connection.ts';

const signature = jobberSignature();
const store = { table: table(), clock };
const bus = eventBus();
/** Jobber's clock may be fast. A disconnect from later on would end every grant until then, at each delivery. */
const MOST_AHEAD_MS = 5 * 60_000;

/**
 * `POST /webhooks/jobber`: ends the connection that `APP_DISCONNECT` is about, and passes everything else on as an event.
 * Jobber waits for a second, and sends again what is not answered with 2xx.
 */
export async function handler(
  event: Pick<APIGatewayProxyEventV2, 'headers' | 'body' | 'isBase64Encoded'>,
): Promise<APIGatewayProxyStructuredResultV2> {
  try {
    const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
    if (body.length > MAX_WEBHOOK_BYTES) return answer(413);
    if (!(await signature.isFromJobber(body, event.headers[SIGNATURE_HEADER] ?? ''))) {
      count('WebhookRejected');
      return answer(401);
    }
    count('WebhookReceived');
    const webhook = readWebhook(body);
    // Answer 200: a retry would send the same unreadable body.
    if (!webhook) {
      count('WebhookUnreadable');
      logger.error('A webhook of Jobber’s has a form that is not known.', { bytes: body.length });
    } else if (webhook.topic === 'APP_DISCONNECT') await disconnect(webhook);
    else await passOn(webhook, body);
    return answer(200);
  } catch (error) {
    logger.error('A webhook could not be processed; Jobber will send it again.', error as Error);
    return answer(500);
  } finally {
    publishMetrics();
  }
}

async function disconnect({ accountId, occurredAt }: WebhookEvent): Promise<void> {
  // Answer 200: a retry would send the same date.
  if (occurredAt > plus(clock.now(), MOST_AHEAD_MS)) {
    count('WebhookFromFuture');
    logger.error('Ignored a disconnect that is dated in the future.', {
      accountId,
      occurredAt: new Date(occurredAt).toISOString(),
    });
    return;
  }
  const isAbout = isAboutGrantBefore(occurredAt);
  const reason = 'disconnected_in_jobber';
  const outcome = await endConnection(store, accountId, { isAbout, reason });
  logger.info('Jobber says that an account was disconnected.', { accountId, outcome });
}

/** Jobber gives a delivery no id, so its consumers tell a repeated one by the hash of the body. */
async function passOn({ occurredAt, ...webhook }: WebhookEvent, body: Buffer): Promise<void> {
  await putEvent(bus, 'webhook.received', {
    ...webhook,
    occurredAt: new Date(occurredAt).toISOString(),
    bodySha256: createHash('sha256').update(body).digest('hex'),
  });
}

const answer = (statusCode: number): APIGatewayProxyStructuredResultV2 => ({ statusCode });
