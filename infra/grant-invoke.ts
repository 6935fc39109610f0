import { Grant } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { IConstruct } from 'constructs';

/** Which variables of the owner's functions name a function of which construct. */
const given = new WeakMap<LambdaFunction, Map<string, IConstruct>>();

/**
 * Lets `caller` invoke `invoked`, a function of `owner`, and puts its name into a variable of the caller's.
 * @throws if that variable names a function of another construct already
 */
export function grantInvoke(
  caller: LambdaFunction,
  owner: IConstruct,
  invoked: LambdaFunction,
  variable: string,
): Grant {
  const variables = given.get(caller) ?? new Map<string, IConstruct>();
  const other = variables.get(variable);
  if (other && other !== owner) {
    throw new Error(
      `${variable} of ${caller.node.path} already names a function of ${other.node.path}. ` +
        `Give that of ${owner.node.path} a variable of its own, as the second argument.`,
    );
  }
  given.set(caller, variables.set(variable, owner));
  caller.addEnvironment(variable, invoked.functionName);
  return Grant.addToPrincipal({
    grantee: caller,
    actions: ['lambda:InvokeFunction'],
    resourceArns: [invoked.functionArn],
  });
}
