import { readFileSync } from 'node:fs';
import { App, type CfnElement, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { IConstruct } from 'constructs';
import { JobberTokensStack, type JobberTokensStackProps } from '../../infra/jobber-tokens-stack.ts';

export const REGION = 'us-east-1';
export const ACCOUNT = '111122223333';

export const cdkJson: { app: string; context: Record<string, unknown> } = JSON.parse(
  readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'),
);

/** An app as the CDK CLI starts it. */
export const testApp = () => new App({ context: cdkJson.context });

export interface Synthesized {
  readonly app: App;
  readonly stack: JobberTokensStack;
  readonly template: Template;
  /** The properties of the resource that a construct became. */
  properties(construct: IConstruct): Record<string, unknown>;
}

/** The stack; `extend` adds what an owner might. */
export function synthesize(
  props: Partial<JobberTokensStackProps> = {},
  extend: (stack: JobberTokensStack) => void = () => undefined,
): Synthesized {
  const app = testApp();
  const stack = new JobberTokensStack(app, 'JobberTokens', {
    env: { account: ACCOUNT, region: REGION },
    clientId: 'client',
    ...props,
  });
  extend(stack);
  const template = Template.fromStack(stack);
  return {
    app,
    stack,
    template,
    properties: (construct) => template.toJSON()['Resources'][idOf(construct)].Properties,
  };
}

/** The logical id of the resource that a construct became. */
export const idOf = (construct: IConstruct): string =>
  Stack.of(construct).resolve((construct.node.defaultChild as CfnElement).logicalId);
