import { Match } from 'aws-cdk-lib/assertions';
import { type IVpc, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import type { Role } from 'aws-cdk-lib/aws-iam';
import { describe, expect, it } from 'vitest';
import { type FunctionName, functions } from '../../functions/manifest.ts';
import { JobberTokens } from '../../infra/jobber-tokens.ts';
import { isAllowed, type Statement } from './access.ts';
import { idOf, synthesize } from './support.ts';
import { resolver } from './template-arns.ts';

const names = Object.keys(functions) as FunctionName[];
const own = (vpc: Vpc) => [new SecurityGroup(vpc, 'Own', { vpc: vpc as IVpc })];

/** A stack in which one more construct runs in a VPC. */
function inVpc(securityGroups?: (vpc: Vpc) => SecurityGroup[]) {
  const synthesized = synthesize({}, (owners) => {
    const vpc = new Vpc(owners, 'Vpc');
    new JobberTokens(owners, 'InVpc', {
      clientId: 'client',
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      ...(securityGroups && { securityGroups: securityGroups(vpc) }),
    });
  });
  const { stack } = synthesized;
  const vpc = stack.node.findChild('Vpc') as Vpc;
  return { ...synthesized, vpc, tokens: stack.node.findChild('InVpc') as JobberTokens };
}

describe('in a VPC', () => {
  const synthesized = inVpc();
  const { stack, vpc, tokens, template, properties } = synthesized;

  it('every function runs in the chosen subnets, with one security group for all', () => {
    const group = {
      'Fn::GetAtt': [idOf(tokens.node.findChild('SecurityGroup')), 'GroupId'],
    };
    for (const name of names) {
      expect(properties(tokens.functions[name])['VpcConfig']).toEqual({
        SubnetIds: stack.resolve(vpc.privateSubnets.map(({ subnetId }) => subnetId)),
        SecurityGroupIds: [group],
      });
    }
    template.resourceCountIs('AWS::EC2::SecurityGroup', 1);
  });

  const { resolve } = resolver(synthesized);
  const statementsOf = (name: FunctionName, of: JobberTokens): Statement[] =>
    Object.values(
      template.findResources('AWS::IAM::Policy', {
        Properties: { Roles: [{ Ref: idOf(of.functions[name].role as Role) }] },
      }),
    ).flatMap(({ Properties }) => resolve<Statement[]>(Properties.PolicyDocument.Statement));

  const attempt = (action: string, context: Record<string, string> = {}) => ({
    name: action,
    service: 'ec2',
    action,
    resource: '*',
    context,
  });

  it.each(names)(
    'Lambda may manage the network interfaces of %s, whose code may not',
    async (name) => {
      const statements = statementsOf(name, tokens);
      for (const action of ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets']) {
        expect(await isAllowed(attempt(action), { statements })).toBe(true);
        const byCode = attempt(action, {
          'lambda:SourceFunctionArn': 'arn:aws:lambda:us-east-1:111122223333:function:any',
        });
        expect(await isAllowed(byCode, { statements })).toBe(false);
      }
      expect(
        statements
          .filter(({ Effect }) => Effect === 'Allow')
          .flatMap(({ Action }) => Action)
          .filter((action) => action.startsWith('ec2:'))
          .sort(),
      ).toEqual([
        'ec2:AssignPrivateIpAddresses',
        'ec2:CreateNetworkInterface',
        'ec2:DeleteNetworkInterface',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeSubnets',
        'ec2:UnassignPrivateIpAddresses',
      ]);
    },
  );

  it('a function may do all that it may do outside of one, and nothing else', () => {
    const allowedIn = (name: FunctionName, of: JobberTokens) =>
      statementsOf(name, of)
        .flatMap(({ Action }) => Action)
        .filter((action) => !action.startsWith('ec2:'))
        .sort();
    for (const name of names) {
      expect(allowedIn(name, tokens)).toEqual(allowedIn(name, stack.jobberTokens));
    }
  });

  it('a function is made after the permission to be there', () => {
    const [{ DependsOn } = { DependsOn: [] }] = Object.values(
      template.findResources('AWS::Lambda::Function', {
        Properties: { Role: { 'Fn::GetAtt': [idOf(tokens.functions.jwks.role as Role), 'Arn'] } },
      }),
    );
    expect(DependsOn).toContain(
      idOf((tokens.functions.jwks.role as Role).node.findChild('DefaultPolicy')),
    );
  });

  it('security groups of the owner’s take the place of that one', () => {
    const owners = inVpc(own);
    owners.template.resourceCountIs('AWS::EC2::SecurityGroup', 1);
    const group = owners.stack.resolve(
      (owners.vpc.node.findChild('Own') as SecurityGroup).securityGroupId,
    );
    for (const name of names) {
      expect(owners.properties(owners.tokens.functions[name])['VpcConfig']).toMatchObject({
        SecurityGroupIds: [group],
      });
    }
  });
});

describe('without a VPC', () => {
  it('no function may do anything with EC2', () => {
    const { template } = synthesize();
    expect(JSON.stringify(template.findResources('AWS::IAM::Policy'))).not.toContain('ec2:');
    template.allResourcesProperties('AWS::Lambda::Function', { VpcConfig: Match.absent() });
  });

  it.each(['vpcSubnets', 'securityGroups'] as const)('%s is refused', (name) => {
    const value = { vpcSubnets: {}, securityGroups: [] }[name];
    expect(() => synthesize({ [name]: value })).toThrow(`${name} needs a vpc.`);
  });
});
