import {
  type ISecurityGroup,
  type IVpc,
  SecurityGroup,
  type SubnetSelection,
  type Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { allow } from './permissions.ts';

/** Where the functions run. */
export interface NetworkProps {
  /**
   * A VPC that all functions run in. They need a way out of it: docs/deploying.md says where to.
   * @default - none: the functions run outside of your networks
   */
  readonly vpc?: IVpc | Vpc;
  /**
   * The subnets of that VPC. Public ones do not work, since a function has no public address.
   * @default - the private subnets
   */
  readonly vpcSubnets?: SubnetSelection;
  /**
   * The security groups of all functions. Nothing connects to a function, so they need no rule for what comes in.
   * @default - one for all functions, which lets everything out
   */
  readonly securityGroups?: readonly ISecurityGroup[];
}

/** The network of every function: nothing, or a VPC with its security groups. */
export function networkOf(scope: Construct, { vpc, vpcSubnets, securityGroups }: NetworkProps) {
  if (!vpc) {
    for (const [name, value] of Object.entries({ vpcSubnets, securityGroups })) {
      if (value !== undefined) throw new Error(`${name} needs a vpc.`);
    }
    return undefined;
  }
  const own = () =>
    new SecurityGroup(scope, 'SecurityGroup', {
      vpc: vpc as IVpc,
      description: 'The functions that keep the Jobber connections.',
    });
  return {
    // Under `exactOptionalPropertyTypes`, TypeScript does not take a `Vpc` for an `IVpc`.
    vpc: vpc as IVpc,
    securityGroups: [...(securityGroups ?? [own()])],
    ...(vpcSubnets && { vpcSubnets }),
  };
}

/**
 * What Lambda needs of a function's role to connect it to a VPC, as in AWSLambdaVPCAccessExecutionRole. Lambda alone makes use
 * of it: the code of the function may not.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
 */
export function networkInterfacePermissions(): readonly PolicyStatement[] {
  return [
    allow(NETWORK_INTERFACES, '*'),
    new PolicyStatement({
      effect: Effect.DENY,
      actions: [...NETWORK_INTERFACES],
      resources: ['*'],
      // A request has this key if the code of a function made it.
      conditions: { Null: { 'lambda:SourceFunctionArn': 'false' } },
    }),
  ];
}

const NETWORK_INTERFACES = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];
