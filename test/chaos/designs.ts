import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Handler } from '../../local/functions.ts';
import type { GetTokenErrorCode, GetTokenResponse } from '../../shared/client/contract.ts';
import { keyRing, table, tokenEndpoint } from '../../shared/jobber/wiring.ts';
import { dynamoDb } from '../../shared/runtime/dynamodb.ts';
import { environment } from '../../shared/runtime/environment.ts';
import { VISIT_RESERVE, WARM_TURN } from '../../shared/tokens/budgets.ts';
import type { ActiveConnection } from '../../shared/tokens/connection.ts';
import { seal, unseal } from '../../shared/tokens/sealing.ts';
import type { Invoked } from './messages.ts';

export const DESIGNS = ['ours', 'naive', 'conditional-write-only'] as const;

/**
 * - `ours`: the handlers as they are.
 * - `naive`: read, redeem, write; a refusal marks the connection.
 * - `conditional-write-only`: both writes only if the refresh token is still the one that was redeemed; no lease.
 */
export type Design = (typeof DESIGNS)[number];

/** A handler of the product, or what stands in for it in another design: same input, same output. */
export async function handlerOf(design: Design, name: Invoked): Promise<Handler> {
  if (design === 'ours' || name === 'refresh-sweep' || name === 'save-rotation') {
    const { handler }: { handler: Handler } = await import(`../../functions/${name}.ts`);
    return handler;
  }
  const { getToken, refreshAll } = otherDesign(design);
  return name === 'get-token' ? getToken : refreshAll;
}

interface TokenRequest {
  readonly accountId?: string;
  readonly minValiditySeconds?: number;
  readonly rejectedToken?: string;
}

function otherDesign(design: Exclude<Design, 'ours'>) {
  const client = dynamoDb();
  const connections = table();
  const keys = keyRing();
  const endpoint = tokenEndpoint();

  async function getToken(request: TokenRequest): Promise<GetTokenResponse> {
    const { accountId, minValiditySeconds = 60, rejectedToken } = request;
    if (accountId === undefined) return failure('invalid_request');
    try {
      const found = await connections.get(accountId);
      if (found?.status !== 'active') return failure(found?.status ?? 'not_connected');
      if (!found.accessToken) return await refresh(found);
      const accessToken = await unseal(keys, found.accessToken, accountId, 'accessToken');
      const expiresAt = found.accessTokenExpiresAt;
      const isDue = expiresAt <= Date.now() / 1000 + minValiditySeconds;
      if (!isDue && accessToken !== undefined && accessToken !== rejectedToken) {
        return { ok: true, accountId, accessToken, expiresAt };
      }
      return await refresh(found);
    } catch {
      return failure('table_unavailable');
    }
  }

  async function refresh(found: ActiveConnection): Promise<GetTokenResponse> {
    const { accountId } = found;
    const { redeem } = await endpoint.prepare();
    const key = await keys.current();
    const refreshToken = await unseal(keys, found.refreshToken, accountId, 'refreshToken');
    const answer = await redeem(refreshToken, 8_000);
    if (answer.outcome === 'refused') {
      await write(found, {
        status: 'reconnect_required',
        statusReason: 'revoked',
        statusChangedAt: Date.now(),
      });
      return failure('reconnect_required');
    }
    if (answer.outcome === 'unknown') return failure('refresh_outcome_unknown');
    if (answer.outcome === 'client_rejected') return failure(answer.outcome);
    const { accessToken, expiresAt } = answer;
    if (accessToken === undefined) return failure('refresh_outcome_unknown');
    await write(found, {
      status: 'active',
      accessToken: seal(key, accessToken, accountId, 'accessToken'),
      refreshToken: seal(key, answer.refreshToken, accountId, 'refreshToken'),
      accessTokenExpiresAt: expiresAt,
      refreshedAt: Math.floor(Date.now() / 1000),
    });
    return { ok: true, accountId, accessToken, expiresAt };
  }

  /** The SDK tries three times. */
  async function write(found: ActiveConnection, attributes: object): Promise<void> {
    const names = Object.keys(attributes);
    const isConditional = design === 'conditional-write-only';
    try {
      await client.send(
        new UpdateCommand({
          TableName: environment.tableName(),
          Key: { accountId: found.accountId },
          UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
          ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
          ExpressionAttributeValues: {
            ...Object.fromEntries(Object.entries(attributes).map(([n, value]) => [`:${n}`, value])),
            ...(isConditional && { ':redeemed': found.refreshToken }),
          },
          ...(isConditional && { ConditionExpression: 'refreshToken = :redeemed' }),
        }),
      );
    } catch (error) {
      // Somebody else refreshed; the next read finds that.
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }

  async function refreshAll({ Records }: SQSEvent): Promise<SQSBatchResponse> {
    const minValiditySeconds = (WARM_TURN + VISIT_RESERVE) / 1_000;
    const refreshing = Records.map(({ body }) =>
      getToken({ accountId: JSON.parse(body).accountId, minValiditySeconds }),
    );
    await Promise.all(refreshing);
    return { batchItemFailures: [] };
  }

  return { getToken, refreshAll };
}

const failure = (code: GetTokenErrorCode): GetTokenResponse => ({
  ok: false,
  error: { code, message: code, retryable: true },
});
