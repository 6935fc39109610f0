import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { NOT_SET } from '../shared/runtime/environment.ts';
import { JobberTokensStack } from './jobber-tokens-stack.ts';

const app = new App();

new JobberTokensStack(app, 'JobberTokens', {
  // That of your AWS profile, as the CDK CLI says.
  env: { region: process.env['CDK_DEFAULT_REGION'] ?? 'us-east-1' },
  // Of your Jobber app: `npx cdk deploy -c clientId=…`, or put it here.
  clientId: app.node.tryGetContext('clientId') ?? NOT_SET,
  // Settings of your own go here; docs/deploying.md lists them.
});

Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
