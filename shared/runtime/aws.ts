import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';

/**
 * Without `throwOnRequestTimeout` the SDK only logs that a request takes too long; `socketTimeout` ends an answer that
 * stops after its headers.
 */
export const timeouts = (requestTimeout: number) => ({
  maxAttempts: 3,
  requestHandler: {
    connectionTimeout: 1_000,
    requestTimeout,
    throwOnRequestTimeout: true,
    socketTimeout: requestTimeout,
  },
});

let secretsManagerClient: SecretsManagerClient | undefined;
let sqsClient: SQSClient | undefined;

/** One client for all, made when it is first needed: each costs a cold start some milliseconds. */
export function secretsManager(): SecretsManagerClient {
  secretsManagerClient ??= new SecretsManagerClient(timeouts(2_000));
  return secretsManagerClient;
}

/** Likewise. */
export function sqs(): SQSClient {
  sqsClient ??= new SQSClient(timeouts(1_500));
  return sqsClient;
}
