import { App } from 'aws-cdk-lib';
import { AppStack } from '../lib/app-stack.ts';

const app = new App();
new AppStack(app, 'MyJobberApp', {
  env: { region: process.env.CDK_DEFAULT_REGION ?? 'us-east-1' },
  // Of your app in Jobber's Developer Center: npx cdk deploy -c clientId=…
  clientId: app.node.tryGetContext('clientId') ?? 'not set',
});
