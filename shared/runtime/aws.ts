import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

/** Without `throwOnRequestTimeout` the SDK only logs that a request takes too long. */
const timeouts = (requestTimeout: number) => ({
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout, throwOnRequestTimeout: true },
});

export const dynamoDb = () =>
  DynamoDBDocumentClient.from(new DynamoDBClient(timeouts(1_000)), {
    marshallOptions: { removeUndefinedValues: true },
  });

export const secretsManager = () => new SecretsManagerClient(timeouts(2_000));

export const sqs = () => new SQSClient(timeouts(1_500));

export const eventBridge = () => new EventBridgeClient(timeouts(1_500));
