import { Duration, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { EventInvokeConfig, type IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  ContextAttribute,
  Schedule,
  ScheduleExpression,
  ScheduleTargetInput,
} from 'aws-cdk-lib/aws-scheduler';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { SWEEP_EVERY_MINUTES } from '../functions/manifest.ts';
import { acknowledge } from './acknowledge.ts';
import { allow } from './permissions.ts';
import { deadLetterQueue } from './queues.ts';

/** Invokes the sweep; tries to until the next one is due. */
export class SweepSchedule extends Construct {
  /** The invocations that EventBridge Scheduler gave up. */
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, sweep: IFunction) {
    super(scope, id);
    const interval = Duration.minutes(SWEEP_EVERY_MINUTES);
    this.deadLetters = deadLetterQueue(this, 'DeadLetters');
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    role.addToPolicy(allow(['lambda:InvokeFunction'], sweep.functionArn));
    role.addToPolicy(allow(['sqs:SendMessage'], this.deadLetters.queueArn));
    // Scheduler hands over an event and Lambda runs it: neither repeats what the next sweep does anyway.
    const invocation = new EventInvokeConfig(this, 'Invocation', {
      function: sweep,
      maxEventAge: interval,
      retryAttempts: 0,
    });
    acknowledge(invocation, {
      id: 'Serverless::Serverless-LambdaAsyncFailureDestination',
      reason: 'The next sweep does the work of one that failed; an alarm counts its errors.',
    });
    const schedule = new Schedule(this, 'Schedule', {
      schedule: ScheduleExpression.rate(interval),
      // The target of CDK's own would allow every version of the function.
      target: {
        bind: () => ({
          arn: sweep.functionArn,
          role,
          // The slots follow from it, however late the sweep runs.
          input: ScheduleTargetInput.fromObject({ scheduledTime: ContextAttribute.scheduledTime }),
          deadLetterConfig: { arn: this.deadLetters.queueArn },
          retryPolicy: {
            maximumEventAgeInSeconds: interval.toSeconds(),
            maximumRetryAttempts: 3,
          },
        }),
      },
    });
    schedule.node.addDependency(role);
  }
}
