import { Duration } from 'aws-cdk-lib';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { EventBus } from 'aws-cdk-lib/aws-events';
import {
  EventSourceMapping,
  FilterCriteria,
  FilterRule,
  type Function as LambdaFunction,
  StartingPosition,
} from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { stream } from '../functions/manifest.ts';
import { allow } from './permissions.ts';
import { deadLetterQueue } from './queues.ts';

/** The bus of the events, and what turns the table's stream into them. */
export class StatusEvents extends Construct {
  readonly bus: EventBus;
  /** Where in the stream the records are that never became events. */
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.bus = new EventBus(this, 'Bus', {
      description: 'What became of Jobber connections, and Jobber’s webhooks.',
    });
    this.deadLetters = deadLetterQueue(this, 'DeadLetters');
  }

  /** Invokes `consumer` with the stream's records, in order; from the first that failed on again. */
  deliver(table: TableV2, consumer: LambdaFunction): void {
    const streamArn = table.tableStreamArn ?? '';
    consumer.addToRolePolicy(allow(STREAM_ACTIONS, streamArn));
    // Lambda asks for it, and it has no resource to name.
    consumer.addToRolePolicy(allow(['dynamodb:ListStreams'], '*'));
    consumer.addToRolePolicy(allow(['sqs:SendMessage'], this.deadLetters.queueArn));
    const delivery = new EventSourceMapping(this, 'Delivery', {
      target: consumer,
      eventSourceArn: streamArn,
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: stream.batchSize,
      filters: MAY_BE_A_CHANGE.map((dynamodb) => FilterCriteria.filter({ dynamodb })),
      retryAttempts: stream.retryAttempts,
      // Well before the stream forgets the records that a dead letter points at, after a day.
      maxRecordAge: Duration.hours(6),
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      onFailure: { bind: () => ({ destination: this.deadLetters.queueArn }) },
    });
    // Lambda looks at the stream, in the function's name, as soon as the mapping is made.
    if (consumer.role) delivery.node.addDependency(consumer.role);
  }
}

const notActive = { status: { S: FilterRule.notEquals('active') } };
/**
 * What can be a change of status: to or from another than active, or a new grant. All else, 1,800 writes a month for each
 * connection, invokes nothing.
 */
const MAY_BE_A_CHANGE = [
  { NewImage: notActive },
  { OldImage: notActive },
  { NewImage: { rotation: { N: FilterRule.isEqual('0') } } },
];

const STREAM_ACTIONS = [
  'dynamodb:DescribeStream',
  'dynamodb:GetRecords',
  'dynamodb:GetShardIterator',
];
