import * as cdk from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

interface Acknowledgement {
  /** Of a rule of cdk-nag's: `AwsSolutions::AwsSolutions-SMG4`. */
  readonly id: string;
  readonly reason: string;
}

/**
 * Tells cdk-nag why a construct breaks a rule, so that an owner who runs it sees no finding of ours. Older versions of CDK
 * have no `Validations`: there the acknowledgements are left out. This file imports the namespace, because an import by a
 * name that is missing would end the program.
 */
export function acknowledge(construct: IConstruct, ...acknowledgements: Acknowledgement[]): void {
  const validations: typeof cdk.Validations | undefined = cdk.Validations;
  validations?.of(construct).acknowledge(...acknowledgements);
}
