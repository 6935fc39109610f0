import { Duration } from 'aws-cdk-lib';
import { EventSourceMapping, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type QueueName, queues } from '../functions/manifest.ts';
import { acknowledge } from './acknowledge.ts';
import { allow } from './permissions.ts';

const LONGEST = Duration.days(14);

/** A rotation waits for as long as SQS can keep it; what a sweep queues, the next ones queue again. */
const RETENTION: Record<QueueName, Duration> = { refresh: Duration.hours(1), escrow: LONGEST };

/** A queue of the manifest, and the one where messages end that never succeed. */
export class QueueWithDeadLetters extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, name: QueueName) {
    super(scope, name);
    this.deadLetters = deadLetterQueue(this, 'DeadLetters');
    this.queue = new Queue(this, 'Queue', {
      visibilityTimeout: Duration.seconds(queues[name].visibilitySeconds),
      retentionPeriod: RETENTION[name],
      enforceSSL: true,
      deadLetterQueue: {
        queue: this.deadLetters,
        maxReceiveCount: queues[name].maxReceiveCount,
      },
    });
  }

  /** Invokes `consumer` with up to 10 messages at a time, and at most `maxConcurrency` times at once. */
  deliverTo(consumer: LambdaFunction, maxConcurrency: number): void {
    consumer.addToRolePolicy(
      allow(
        ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
        this.queue.queueArn,
      ),
    );
    const delivery = new EventSourceMapping(this, 'Delivery', {
      target: consumer,
      eventSourceArn: this.queue.queueArn,
      batchSize: 10,
      maxConcurrency,
      reportBatchItemFailures: true,
    });
    acknowledge(delivery, {
      id: 'Serverless::Serverless-LambdaEventSourceMappingDestination',
      reason: 'Messages that fail go back to their queue, and from there to its dead letters.',
    });
  }
}

/** Where something ends that never succeeded, for a person to look at. */
export function deadLetterQueue(scope: Construct, id: string): Queue {
  const queue = new Queue(scope, id, { retentionPeriod: LONGEST, enforceSSL: true });
  const reason = 'It is a dead-letter queue itself; an alarm watches it.';
  acknowledge(
    queue,
    { id: 'AwsSolutions::AwsSolutions-SQS3', reason },
    { id: 'Serverless::Serverless-SQSRedrivePolicy', reason },
  );
  return queue;
}
