import { Duration } from 'aws-cdk-lib';
import { Runtime } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { Construct } from 'constructs';
import { JobberTokensStack, type JobberTokensStackProps } from 'jobber-tokens';

/** The connections of your customers, their alarms, and what your app does with them. */
export class AppStack extends JobberTokensStack {
  constructor(scope: Construct, id: string, props: JobberTokensStackProps) {
    super(scope, id, props);
    const accountName = new NodejsFunction(this, 'account-name', {
      entry: 'functions/account-name.ts',
      runtime: Runtime.NODEJS_24_X,
      timeout: Duration.seconds(60),
    });
    this.jobberTokens.grantGetToken(accountName);
  }
}
