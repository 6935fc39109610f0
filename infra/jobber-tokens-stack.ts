import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { JobberTokens } from './jobber-tokens.ts';
import type { JobberTokensProps } from './jobber-tokens-props.ts';
import { Monitoring, type MonitoringProps } from './monitoring.ts';

export interface JobberTokensStackProps extends StackProps, JobberTokensProps, MonitoringProps {}

/** The construct, its outputs, and what watches over it. */
export class JobberTokensStack extends Stack {
  readonly jobberTokens: JobberTokens;
  readonly monitoring: Monitoring;

  constructor(scope: Construct, id: string, props: JobberTokensStackProps) {
    super(scope, id, { description: 'Keeps the Jobber connections of an app alive.', ...props });
    this.jobberTokens = new JobberTokens(this, 'JobberTokens', props);
    this.monitoring = new Monitoring(this, 'Monitoring', this.jobberTokens, props);
    const {
      callbackUrl,
      webhookUrl,
      manageAppUrl,
      eventBus,
      functions,
      table,
      appSecret,
      sealingSecret,
      signingSecret,
      httpFront,
    } = this.jobberTokens;
    const output = (name: string, description: string, value: string) =>
      new CfnOutput(this, name, { description, value });

    output('CallbackUrl', 'To be registered in Jobber’s Developer Center.', callbackUrl);
    output('WebhookUrl', 'To be registered there for APP_DISCONNECT at least.', webhookUrl);
    output(
      'ManageAppUrl',
      'To be registered there as the Manage App URL, if you want that button.',
      manageAppUrl,
    );
    output('EventBusName', 'What your rules listen to.', eventBus.eventBusName);
    output(
      'GetTokenFunction',
      'Invoke it for an access token.',
      functions['get-token'].functionName,
    );
    output(
      'CreateConnectLinkFunction',
      'Invoke it for a link that connects one of your customers.',
      functions['create-connect-link'].functionName,
    );
    output(
      'DisconnectFunction',
      'Invoke it to end a connection.',
      functions.disconnect.functionName,
    );
    output('TableName', 'The connections.', table.tableName);
    output('SealingSecretArn', 'To be rotated as docs/deploying.md says.', sealingSecret.secretArn);
    output('SigningSecretArn', 'To be replaced after a leak.', signingSecret.secretArn);
    output(
      'SetAppSecret',
      'Run it once jobber-app.json holds {"clientId": "…", "clientSecret": "…"}.',
      `aws secretsmanager put-secret-value --region ${this.region} --secret-id ${appSecret.secretArn} ` +
        '--secret-string file://jobber-app.json',
    );
    if (httpFront.domainTarget !== undefined) {
      output('DomainTarget', 'What the record of your domain points at.', httpFront.domainTarget);
    }
  }
}
