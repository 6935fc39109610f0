import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

/**
 * Without `throwOnRequestTimeout` the SDK only logs that a request takes too long; `socketTimeout` ends an answer that
 * stops after its headers.
 */
const timeouts = (requestTimeout: number) => ({
  maxAttempts: 3,
  requestHandler: {
    connectionTimeout: 1_000,
    requestTimeout,
    throwOnRequestTimeout: true,
    socketTimeout: requestTimeout,
  },
});

export const dynamoDb = () =>
  DynamoDBDocumentClient.from(new DynamoDBClient(timeouts(1_000)), {
    marshallOptions: { removeUndefinedValues: true },
  });

export const secretsManager = () => new SecretsManagerClient(timeouts(2_000));

export const sqs = () => new SQSClient(timeouts(1_500));
