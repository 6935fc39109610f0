import { RemovalPolicy, SecretValue } from 'aws-cdk-lib';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { APP_SECRET_PLACEHOLDER } from '../shared/jobber/app-secret.ts';
import { acknowledge } from './acknowledge.ts';

/** A secret of any stack's. Under `exactOptionalPropertyTypes`, TypeScript does not take a `Secret` for an `ISecret`. */
export type AnySecret = ISecret | Secret;

/*
 * CloudFormation writes a secret's value again whenever its own properties change here, over whatever the
 * owner has put there. So these never change.
 */

/** The client id and secret of the Jobber app: a placeholder until the owner sets it. */
export function appSecret(scope: Construct, removalPolicy: RemovalPolicy): Secret {
  const secret = new Secret(scope, 'AppSecret', {
    description: 'Client id and secret of the Jobber app.',
    secretStringValue: SecretValue.unsafePlainText(JSON.stringify(APP_SECRET_PLACEHOLDER)),
    removalPolicy,
  });
  acknowledge(secret, {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    reason: 'Only Jobber’s Developer Center can make a new client secret.',
  });
  return secret;
}

/** Signs states, connect links and claims: the functions that browsers reach read no other secret of ours. */
export const signingSecret = (scope: Construct): Secret =>
  randomSecret(
    scope,
    'SigningSecret',
    'Signs the connects of Jobber accounts while they are under way.',
    RemovalPolicy.DESTROY,
  );

/** Each version is a sealing key; without it, no stored token opens. */
export const sealingSecret = (scope: Construct, removalPolicy: RemovalPolicy): Secret =>
  randomSecret(
    scope,
    'SealingSecret',
    'Seals the tokens of the Jobber connections. Without it every account has to reconnect.',
    removalPolicy,
  );

/** A secret that keys are derived from. */
function randomSecret(
  scope: Construct,
  id: string,
  description: string,
  removalPolicy: RemovalPolicy,
): Secret {
  const secret = new Secret(scope, id, {
    description,
    generateSecretString: { passwordLength: 64, excludePunctuation: true },
    removalPolicy,
  });
  acknowledge(secret, {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    reason: 'Its owner makes a new version when a key may have leaked; docs/deploying.md says how.',
  });
  return secret;
}
