import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { JobberTokensStack } from './jobber-tokens-stack.ts';

const app = new App();

new JobberTokensStack(app, 'JobberTokens', {
  // That of your AWS profile, as the CDK CLI says.
  env: { region: process.env['CDK_DEFAULT_REGION'] ?? 'us-east-1' },
  // Settings of your own go here; docs/deploying.md lists them.
});

Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
