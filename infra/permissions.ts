import { Stack } from 'aws-cdk-lib';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { FunctionName } from '../functions/manifest.ts';
import { APPEALS_INDEX, SWEEP_INDEX } from '../shared/tokens/index-names.ts';
import { SWEEP_ID } from '../shared/tokens/other-items.ts';
import type { AnySecret } from './secrets.ts';

export interface Resources {
  readonly table: TableV2;
  readonly tableKey: IKey;
  readonly appSecret: AnySecret;
  readonly sealingSecret: Secret;
  readonly signingSecret: Secret;
  readonly refreshQueue: Queue;
  readonly escrowQueue: Queue;
  readonly eventBus: EventBus;
}

/**
 * What each function may do, besides writing its log and traces and receiving from its queue. Written out,
 * because the grants of CDK allow more: whole tables with their indexes, any version of a function.
 */
export function permissionsOf({
  table,
  tableKey,
  appSecret,
  sealingSecret,
  signingSecret,
  refreshQueue,
  escrowQueue,
  eventBus,
}: Resources): Record<FunctionName, readonly PolicyStatement[]> {
  const readTable = allow(['dynamodb:GetItem'], table.tableArn);
  const updateTable = allow(['dynamodb:UpdateItem'], table.tableArn);
  const queryIndexes = allow(
    ['dynamodb:Query'],
    ...[SWEEP_INDEX, APPEALS_INDEX].map((index) => `${table.tableArn}/index/${index}`),
  );
  const scanSlots = allow(['dynamodb:Scan'], `${table.tableArn}/index/${SWEEP_INDEX}`);
  const keepProgress = allow(['dynamodb:GetItem', 'dynamodb:UpdateItem'], table.tableArn);
  // Of its own item alone: no connection is read or written.
  keepProgress.addCondition('ForAllValues:StringEquals', { 'dynamodb:LeadingKeys': [SWEEP_ID] });
  const { region } = Stack.of(table);
  const throughDynamoDb = `dynamodb.${region}.amazonaws.com`;
  const keyToRead = allowThrough(throughDynamoDb, TABLE_KEY_TO_READ, tableKey);
  const keyToWrite = allowThrough(
    throughDynamoDb,
    [...TABLE_KEY_TO_READ, ...TABLE_KEY_TO_WRITE],
    tableKey,
  );
  const readSecret = (secret: AnySecret) =>
    allow(['secretsmanager:GetSecretValue'], arnForPolicies(secret));
  const readAppSecret = [
    readSecret(appSecret),
    ...(appSecret.encryptionKey
      ? [
          allowThrough(
            `secretsmanager.${region}.amazonaws.com`,
            ['kms:Decrypt'],
            appSecret.encryptionKey,
          ),
        ]
      : []),
  ];
  const sendTo = (queue: Queue) => allow(['sqs:SendMessage'], queue.queueArn);

  const putEvents = allow(['events:PutEvents'], eventBus.eventBusArn);

  const secrets = [...readAppSecret, readSecret(sealingSecret)];
  const redeem = [readTable, updateTable, keyToWrite, ...secrets, sendTo(escrowQueue)];
  return {
    'oauth-connect': [readSecret(signingSecret)],
    'oauth-callback': [updateTable, keyToWrite, ...secrets, readSecret(signingSecret)],
    jwks: [readSecret(signingSecret)],
    'jobber-webhook': [readTable, updateTable, keyToWrite, ...readAppSecret, putEvents],
    'create-connect-link': [readSecret(signingSecret)],
    'get-token': redeem,
    disconnect: redeem,
    'refresh-sweep': [queryIndexes, scanSlots, keepProgress, keyToWrite, sendTo(refreshQueue)],
    'refresh-connection': [...redeem, sendTo(refreshQueue)],
    // The table's key is for its stream: the tokens in it stay sealed.
    'publish-changes': [keyToRead, putEvents],
    'save-rotation': [readTable, updateTable, keyToWrite],
  };
}

export const allow = (actions: readonly string[], ...resources: readonly string[]) =>
  new PolicyStatement({ actions: [...actions], resources: [...resources] });

/**
 * What DynamoDB needs of whoever uses a table that is encrypted with a customer's key.
 * @see https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html
 */
const TABLE_KEY_TO_READ = ['kms:Decrypt', 'kms:DescribeKey'];
const TABLE_KEY_TO_WRITE = [
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
];

/** Secrets Manager adds six characters to the name, which are not known of a secret that was imported by its name. */
const arnForPolicies = ({ secretArn, secretFullArn }: AnySecret): string =>
  secretFullArn ?? `${secretArn}-??????`;

/** The key decrypts nothing for the function itself, only for the service on its behalf. */
function allowThrough(service: string, actions: readonly string[], key: IKey): PolicyStatement {
  const statement = allow(actions, key.keyArn);
  statement.addCondition('StringEquals', { 'kms:ViaService': service });
  return statement;
}
