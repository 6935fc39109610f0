import { type Duration, Stack } from 'aws-cdk-lib';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { Grant } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct, type IConstruct } from 'constructs';
import { type FunctionName, queues, routes, stream } from '../functions/manifest.ts';
import { ConnectionsTable, type ConnectionsTableProps } from './connections-table.ts';
import { createFunctions } from './functions.ts';
import { type CustomDomain, HttpFront } from './http-api.ts';
import { permissionsOf } from './permissions.ts';
import { QueueWithDeadLetters } from './queues.ts';
import { appSecret, sealingSecret, signingSecret } from './secrets.ts';
import { StatusEvents } from './status-events.ts';
import { SweepSchedule } from './sweep-schedule.ts';

export interface JobberTokensProps extends ConnectionsTableProps {
  /** The client id of the Jobber app, as in the app secret. It is no secret: every browser that connects sees it. */
  readonly clientId: string;
  /**
   * A domain of your own for the callback URL.
   * @default - the one of API Gateway
   */
  readonly domain?: CustomDomain;
  /**
   * Origins that a connect link may lead back to, such as `https://app.example.com`.
   * @default - none
   */
  readonly returnToOrigins?: readonly string[];
  /**
   * Where a connect that started in Jobber's marketplace leads on to, with a signed claim of the account.
   * @default - nowhere
   */
  readonly postConnectUrl?: string;
  /**
   * Where the button *Manage App* of Jobber's marketplace leads on to, with a signed claim of the account and the user.
   * @default - a page that says that the account is connected
   */
  readonly manageUrl?: string;
  /**
   * Whether a connect may start without a link of your app: in Jobber's marketplace, or by *Manage App*.
   * @default true
   */
  readonly marketplaceConnect?: boolean;
  /**
   * The origin of another server that speaks as Jobber does, for tests.
   * @default - Jobber's own
   */
  readonly jobberBaseUrl?: string;
  /**
   * `X-JOBBER-GRAPHQL-VERSION`, a date that Jobber lists.
   * @default - the version that this release was tested with
   */
  readonly jobberGraphqlVersion?: string;
  /**
   * For how long a connection that nobody uses is refreshed ahead of expiry. After that it is refreshed once a day, which tells
   * whether it is alive, and the first call that uses it again waits for a refresh. `'forever'` costs a refresh every 45
   * minutes for each connection.
   * @default Duration.hours(24)
   */
  readonly keepWarm?: Duration | 'forever';
  /**
   * How many invocations may refresh at once, 10 connections each; protects Jobber. From 2 to 1,000.
   * @default 10
   */
  readonly maxConcurrentRefreshes?: number;
  /**
   * What the HTTP API lets through, with bursts of twice as many.
   * @default 50
   */
  readonly requestsPerSecond?: number;
  /**
   * What the HTTP API lets through to each path below `/oauth/`, with bursts of twice as many.
   * @default 10
   */
  readonly connectsPerSecond?: number;
  /**
   * How long logs are kept.
   * @default RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: RetentionDays;
}

/** The variable that tells the client in `shared/client/` which function to invoke. */
const GET_TOKEN_FUNCTION = 'JOBBER_TOKENS_GET_TOKEN_FUNCTION';

/** Which variables of the owner's functions name which function of ours. */
const given = new WeakMap<LambdaFunction, Map<string, IConstruct>>();

/** Keeps an app's Jobber connections alive: connects accounts, refreshes their tokens, hands them out. */
export class JobberTokens extends Construct {
  /** The connections, their tokens sealed. */
  readonly table: TableV2;
  /** Encrypts the table. */
  readonly tableKey: Key;
  /** `{"clientId": "…", "clientSecret": "…"}` of the Jobber app; a placeholder until you set it. */
  readonly appSecret: Secret;
  /** Its versions are the keys that seal the tokens. */
  readonly sealingSecret: Secret;
  /** Its versions are the keys that sign states, connect links and claims. */
  readonly signingSecret: Secret;
  readonly functions: Readonly<Record<FunctionName, LambdaFunction>>;
  readonly httpFront: HttpFront;
  readonly refreshQueue: Queue;
  /** Keeps rotations while the table refuses them. */
  readonly escrowQueue: Queue;
  /** What became of the connections, and Jobber's webhooks: docs/events.md. */
  readonly eventBus: EventBus;
  /** Where work ends that never succeeds, by what it was. */
  readonly deadLetters: Readonly<Record<'refresh' | 'escrow' | 'sweep' | 'events', Queue>>;
  /** Tells its logs and metrics from those of another stack's. */
  readonly serviceName: string;
  /** To be registered in Jobber's Developer Center. */
  readonly callbackUrl: string;
  /** To be registered there, too, for `APP_DISCONNECT` at least. */
  readonly webhookUrl: string;
  /** To be registered there as the Manage App URL, if you want that button. */
  readonly manageAppUrl: string;

  constructor(scope: Construct, id: string, props: JobberTokensProps) {
    super(scope, id);
    const {
      clientId,
      domain,
      returnToOrigins = [],
      postConnectUrl,
      manageUrl,
      marketplaceConnect = true,
      jobberBaseUrl,
      jobberGraphqlVersion,
      keepWarm,
      maxConcurrentRefreshes = 10,
      requestsPerSecond = 50,
      connectsPerSecond = 10,
      logRetention = RetentionDays.THREE_MONTHS,
    } = props;
    refuseOtherThanOrigins(returnToOrigins);
    refuseOtherThanUrls({ postConnectUrl, manageUrl });
    this.serviceName = serviceNameOf(this);

    const connections = new ConnectionsTable(this, 'Connections', props);
    this.table = connections.table;
    this.tableKey = connections.key;
    this.appSecret = appSecret(this);
    this.sealingSecret = sealingSecret(this);
    this.signingSecret = signingSecret(this);

    const refresh = new QueueWithDeadLetters(this, 'refresh');
    const escrow = new QueueWithDeadLetters(this, 'escrow');
    this.refreshQueue = refresh.queue;
    this.escrowQueue = escrow.queue;

    const events = new StatusEvents(this, 'Events');
    this.eventBus = events.bus;

    this.httpFront = new HttpFront(this, 'Http', {
      domain,
      requestsPerSecond,
      connectsPerSecond,
      logRetention,
    });
    this.callbackUrl = `${this.httpFront.publicUrl}/oauth/callback`;
    this.webhookUrl = `${this.httpFront.publicUrl}/webhooks/jobber`;
    this.manageAppUrl = `${this.httpFront.publicUrl}/oauth/manage`;

    this.functions = createFunctions(this, {
      logRetention,
      environment: {
        TABLE_NAME: this.table.tableName,
        APP_SECRET_ID: this.appSecret.secretArn,
        SEALING_SECRET_ID: this.sealingSecret.secretArn,
        SIGNING_SECRET_ID: this.signingSecret.secretArn,
        CLIENT_ID: clientId,
        REFRESH_QUEUE_URL: this.refreshQueue.queueUrl,
        ESCROW_QUEUE_URL: this.escrowQueue.queueUrl,
        PUBLIC_URL: this.httpFront.publicUrl,
        JOBBER_BASE_URL: jobberBaseUrl,
        JOBBER_GRAPHQL_VERSION: jobberGraphqlVersion,
        MARKETPLACE_CONNECT: marketplaceConnect ? 'allow' : 'deny',
        RETURN_TO_ORIGINS: returnToOrigins.join(',') || undefined,
        POST_CONNECT_URL: postConnectUrl,
        MANAGE_URL: manageUrl,
        KEEP_WARM_HOURS: keepWarm === 'forever' ? keepWarm : keepWarm?.toHours().toString(),
        EVENT_BUS_NAME: this.eventBus.eventBusName,
        POWERTOOLS_SERVICE_NAME: this.serviceName,
      },
      permissions: permissionsOf(this),
    });

    for (const [route, name] of Object.entries(routes)) {
      this.httpFront.addRoute(route, this.functions[name]);
    }
    refresh.deliverTo(this.functions[queues.refresh.consumer], maxConcurrentRefreshes);
    escrow.deliverTo(this.functions[queues.escrow.consumer], 2);
    events.deliver(this.table, this.functions[stream.consumer]);
    const sweep = new SweepSchedule(this, 'Sweep', this.functions['refresh-sweep']);
    this.deadLetters = {
      refresh: refresh.deadLetters,
      escrow: escrow.deadLetters,
      sweep: sweep.deadLetters,
      events: events.deadLetters,
    };
  }

  /**
   * Lets a function of yours invoke `get-token`, and tells it which one; it needs nothing else.
   * @param variable of another name, for a function that uses two Jobber apps
   */
  grantGetToken(caller: LambdaFunction, variable = GET_TOKEN_FUNCTION): Grant {
    return this.grantInvoke(caller, 'get-token', variable);
  }

  /** Lets a function of yours invoke `disconnect`: its name is in `JOBBER_TOKENS_DISCONNECT_FUNCTION`. */
  grantDisconnect(caller: LambdaFunction, variable = 'JOBBER_TOKENS_DISCONNECT_FUNCTION'): Grant {
    return this.grantInvoke(caller, 'disconnect', variable);
  }

  /** Lets a function of yours invoke `create-connect-link`: its name is in `JOBBER_TOKENS_CONNECT_LINK_FUNCTION`. */
  grantCreateConnectLink(
    caller: LambdaFunction,
    variable = 'JOBBER_TOKENS_CONNECT_LINK_FUNCTION',
  ): Grant {
    return this.grantInvoke(caller, 'create-connect-link', variable);
  }

  private grantInvoke(caller: LambdaFunction, name: FunctionName, variable: string): Grant {
    const { functionName, functionArn } = this.functions[name];
    const variables = given.get(caller) ?? new Map<string, IConstruct>();
    const other = variables.get(variable);
    if (other && other !== this) {
      throw new Error(
        `${variable} of ${caller.node.path} already names a function of ${other.node.path}. ` +
          `Give that of ${this.node.path} a variable of its own, as the second argument.`,
      );
    }
    given.set(caller, variables.set(variable, this));
    caller.addEnvironment(variable, functionName);
    return Grant.addToPrincipal({
      grantee: caller,
      actions: ['lambda:InvokeFunction'],
      resourceArns: [functionArn],
    });
  }
}

/** The stack's name, and what tells this construct from others in it; the construct's usual name does not. */
function serviceNameOf(construct: Construct): string {
  const stack = Stack.of(construct);
  const path = construct.node.path.slice(stack.node.path.length + 1).split('/');
  const others = path.length === 1 && path[0] === 'JobberTokens' ? [] : path;
  return [stack.stackName, ...others].join('-');
}

function refuseOtherThanOrigins(returnToOrigins: readonly string[]): void {
  for (const origin of returnToOrigins) {
    if (URL.parse(origin)?.origin !== origin) {
      throw new Error(`returnToOrigins: '${origin}' is not an origin such as https://example.com.`);
    }
  }
}

function refuseOtherThanUrls(urls: Readonly<Record<string, string | undefined>>): void {
  for (const [name, url] of Object.entries(urls)) {
    if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      throw new Error(`${name}: '${url}' is not a URL such as https://app.example.com/jobber.`);
    }
  }
}
