import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { once } from './once.ts';

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

// Made when first needed: each client costs a cold start some milliseconds.
export const secretsManager = once(() => new SecretsManagerClient(timeouts(2_000)));

export const sqs = once(() => new SQSClient(timeouts(1_500)));
