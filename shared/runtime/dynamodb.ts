import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { timeouts } from './aws.ts';

/** In a file of its own: a bundle that imports lib-dynamodb has all of the DynamoDB client, used or not. */
export const dynamoDb = () =>
  DynamoDBDocumentClient.from(new DynamoDBClient(timeouts(1_000)), {
    marshallOptions: { removeUndefinedValues: true },
  });
