import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { linkUses } from '../connect/link-uses.ts';
import { type SigningKeys, signingKeys } from '../connect/signing-keys.ts';
import * as aws from '../runtime/aws.ts';
import { systemClock as clock } from '../runtime/clock.ts';
import { keyVersionOf } from '../runtime/derive-key.ts';
import { dynamoDb } from '../runtime/dynamodb.ts';
import { environment } from '../runtime/environment.ts';
import { sendText } from '../runtime/queue.ts';
import { type CachedSecret, cachedSecret } from '../runtime/secrets.ts';
import { count, logger, milliseconds } from '../runtime/telemetry.ts';
import { breakerItem } from '../tokens/breaker-item.ts';
import { circuitBreaker } from '../tokens/circuit-breaker.ts';
import { connectionTable } from '../tokens/connection-table.ts';
import { disconnectProtocol } from '../tokens/disconnect.ts';
import type { KeyRing } from '../tokens/sealing.ts';
import type { Telemetry } from '../tokens/telemetry.ts';
import { type TokenHelper, tokenHelper } from '../tokens/token-helper.ts';
import { eachOnce } from './api-version.ts';
import { appDisconnect } from './app-disconnect.ts';
import { AppSecretNotSetError, credentialsIn, readCredentials } from './app-secret.ts';
import type { GraphqlApi } from './graphql.ts';
import { type CredentialSource, jobberTokenEndpoint } from './token-endpoint.ts';
import { signatureCheck } from './webhook-signature.ts';

/* The parts as the functions run them, configured by the environment. */

export { clock };

let client: DynamoDBDocumentClient | undefined;

/** One for all: each costs a cold start some milliseconds. */
function tableClient(): DynamoDBDocumentClient {
  client ??= dynamoDb();
  return client;
}

export const table = () => connectionTable(tableClient(), environment.tableName());

export function keyRing(): KeyRing {
  const secret = cachedSecret(aws.secretsManager(), environment.sealingSecretId(), clock);
  prefetch(secret);
  return {
    current: async () => keyVersionOf(await secret.current()),
    find: async (id) => {
      const version = await secret.find(id);
      return version && keyVersionOf(version);
    },
  };
}

export const connectLinkUses = () => linkUses(tableClient(), environment.tableName());

export function signingKeyRing(): SigningKeys {
  const secret = cachedSecret(aws.secretsManager(), environment.signingSecretId(), clock);
  prefetch(secret);
  return signingKeys(secret, clock);
}

export function appCredentials(): CredentialSource {
  const secret = cachedSecret(aws.secretsManager(), environment.appSecretId(), clock);
  prefetch(secret);
  const reload = async () => readCredentials((await secret.reload()).value);
  return {
    async get() {
      try {
        return readCredentials((await secret.current()).value);
      } catch (error) {
        // Its owner may have set it since.
        if (error instanceof AppSecretNotSetError) return reload();
        throw error;
      }
    },
    reload,
    async previous(acceptedFor) {
      const version = await secret.previous(acceptedFor);
      return version && credentialsIn(version.value);
    },
  };
}

export const jobberSignature = () => signatureCheck(appCredentials(), clock);

export const tokenEndpoint = () =>
  jobberTokenEndpoint({
    baseUrl: environment.jobberBaseUrl(),
    credentials: appCredentials(),
    clock,
  });

export function jobberTokens(connections = table()): TokenHelper {
  const url = environment.escrowQueueUrl();
  return tokenHelper({
    table: connections,
    endpoint: tokenEndpoint(),
    breaker: circuitBreaker({ item: breakerItem(tableClient(), environment.tableName()), clock }),
    escrow: { keep: (...rotation) => sendText({ client: aws.sqs(), url }, ...rotation) },
    keys: keyRing(),
    clock,
    telemetry,
  });
}

/** Jobber's GraphQL API. What it says of the version is counted each time, and logged once for each process. */
export const graphqlApi = (): GraphqlApi => ({
  baseUrl: environment.jobberBaseUrl(),
  graphqlVersion: environment.jobberGraphqlVersion(),
  onVersionNotice({ kind, message }) {
    count(kind === 'upgraded' ? 'ApiVersionUpgraded' : 'ApiVersionWarning');
    logOnce(message);
  },
});

const logOnce = eachOnce((message) => logger.warn(message));

/** On one table client with its tokens: each costs a cold start some milliseconds. */
export function jobberDisconnect(connections = table(), tokens = jobberTokens(connections)) {
  const api = graphqlApi();
  return disconnectProtocol({
    table: connections,
    clock,
    tokens,
    revoke: (...token) => appDisconnect(api, ...token),
  });
}

const telemetry: Telemetry = {
  count: (metric) => count(metric),
  tokenEndpointLatency: (ms) => milliseconds('TokenEndpointLatency', ms),
  lastResort: (accountId, rotation) =>
    logger.critical(
      'A rotation could be stored nowhere. It is here, sealed; docs/rotation.md says how to store it.',
      { accountId, rotation },
    ),
};

/** While the function initialises, when time costs the least; whoever needs the secret sees its errors. */
function prefetch(secret: CachedSecret): void {
  secret.current().catch(() => undefined);
}
