import { Stack } from 'aws-cdk-lib';
import type { Alarm, Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { type AlarmProps, createAlarms } from './alarms.ts';
import { createDashboard } from './dashboard.ts';
import type { JobberTokens } from './jobber-tokens.ts';

export interface MonitoringProps extends AlarmProps {
  /**
   * Who is told of alarms by e-mail. AWS asks this address to confirm.
   * @default - nobody
   */
  readonly alarmEmail?: string;
  /**
   * A topic of yours that alarms go to.
   * @default - none
   */
  readonly alarmTopic?: ITopic;
}

/** A dashboard, and alarms that somebody hears of. */
export class Monitoring extends Construct {
  readonly alarms: readonly Alarm[];
  readonly dashboard: Dashboard;

  constructor(
    scope: Construct,
    id: string,
    jobberTokens: JobberTokens,
    props: MonitoringProps = {},
  ) {
    super(scope, id);
    const { alarmEmail, alarmTopic } = props;
    const alarms = createAlarms(this, jobberTokens, props);
    this.alarms = alarms;
    this.dashboard = createDashboard(this, jobberTokens, alarms);

    const topics = [
      ...(alarmTopic ? [alarmTopic] : []),
      ...(alarmEmail === undefined ? [] : [this.emailTopic(alarmEmail)]),
    ];
    for (const alarm of alarms) {
      for (const topic of topics) alarm.addAlarmAction(new SnsAction(topic));
    }
  }

  private emailTopic(address: string): Topic {
    const topic = new Topic(this, 'Topic', { enforceSSL: true });
    // A policy, such as the one that enforces TLS, takes the place of the default that lets alarms in.
    topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    acknowledge(topic.addSubscription(new EmailSubscription(address)), {
      id: 'Serverless::Serverless-SNSRedrivePolicy',
      reason: 'An e-mail that is not delivered is no work lost: the alarm stays on.',
    });
    return topic;
  }
}
