import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import type { Grant } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type FunctionName, queues, routes, stream } from '../functions/manifest.ts';
import { ConnectionsTable } from './connections-table.ts';
import { createFunctions } from './functions.ts';
import { grantInvoke } from './grant-invoke.ts';
import { HttpFront } from './http-api.ts';
import { type JobberTokensProps, refuseWrongSettings } from './jobber-tokens-props.ts';
import { type MetricName, metricOf } from './metrics.ts';
import { networkOf } from './network.ts';
import { permissionsOf } from './permissions.ts';
import { QueueWithDeadLetters } from './queues.ts';
import { type AnySecret, appSecret, sealingSecret, signingSecret } from './secrets.ts';
import { StatusEvents } from './status-events.ts';
import { SweepSchedule } from './sweep-schedule.ts';

/** The variable that tells the client in `shared/client/` which function to invoke. */
const GET_TOKEN_FUNCTION = 'JOBBER_TOKENS_GET_TOKEN_FUNCTION';

/** Keeps an app's Jobber connections alive: connects accounts, refreshes their tokens, hands them out. */
export class JobberTokens extends Construct {
  /** The connections, their tokens sealed. */
  readonly table: TableV2;
  /** Encrypts the table. */
  readonly tableKey: IKey;
  /** `{"clientId": "…", "clientSecret": "…"}` of the Jobber app: a secret of yours, or a new one with a placeholder until you set it. */
  readonly appSecret: AnySecret;
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
      logGroupNamePrefix,
      functionProps = () => ({}),
      removalPolicy = RemovalPolicy.RETAIN,
    } = props;
    refuseWrongSettings(props);
    this.serviceName = serviceNameOf(this);

    const connections = new ConnectionsTable(this, 'Connections', props);
    this.table = connections.table;
    this.tableKey = connections.key;
    this.appSecret = props.appSecret ?? appSecret(this, removalPolicy);
    this.sealingSecret = sealingSecret(this, removalPolicy);
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
      logGroupNamePrefix,
    });
    this.callbackUrl = `${this.httpFront.publicUrl}/oauth/callback`;
    this.webhookUrl = `${this.httpFront.publicUrl}/webhooks/jobber`;
    this.manageAppUrl = `${this.httpFront.publicUrl}/oauth/manage`;

    this.functions = createFunctions(this, {
      logRetention,
      logGroupNamePrefix,
      network: networkOf(this, props),
      functionProps,
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
    return grantInvoke(caller, this, this.functions['get-token'], variable);
  }

  /** Lets a function of yours invoke `disconnect`: its name is in `JOBBER_TOKENS_DISCONNECT_FUNCTION`. */
  grantDisconnect(caller: LambdaFunction, variable = 'JOBBER_TOKENS_DISCONNECT_FUNCTION'): Grant {
    return grantInvoke(caller, this, this.functions['disconnect'], variable);
  }

  /** Lets a function of yours invoke `create-connect-link`: its name is in `JOBBER_TOKENS_CONNECT_LINK_FUNCTION`. */
  grantCreateConnectLink(
    caller: LambdaFunction,
    variable = 'JOBBER_TOKENS_CONNECT_LINK_FUNCTION',
  ): Grant {
    return grantInvoke(caller, this, this.functions['create-connect-link'], variable);
  }

  /**
   * A metric that the functions write: a number of events, unless {@link MetricName} says otherwise.
   * @param options such as a period (five minutes by default) or a statistic (by default the sum of what is counted)
   */
  metric(name: MetricName, options?: MetricOptions): Metric {
    return metricOf(this.serviceName, name, options);
  }

  /** How many rotations were stored. */
  metricRefreshes(options?: MetricOptions): Metric {
    return this.metric('RefreshSucceeded', options);
  }

  /** How many refreshes got no usable answer from Jobber. They are tried again. */
  metricRefreshFailures(options?: MetricOptions): Metric {
    return this.metric('RefreshUnknown', options);
  }

  /** How many connections were lost: an admin of each account has to connect it again. */
  metricReconnects(options?: MetricOptions): Metric {
    return this.metric('ReconnectRequired', options);
  }

  /** How many times Jobber rejected the client id or the client secret of the app. */
  metricClientRejections(options?: MetricOptions): Metric {
    return this.metric('ClientRejected', options);
  }

  /** How many seconds the sweep is behind its schedule, at most. Without a sweep there is no data: treat that as breaching. */
  metricSweepLag(options?: MetricOptions): Metric {
    return this.metric('SweepLag', options);
  }

  /** How many seconds an access token in use was still valid when its refresh began, at least. 900 are normal. */
  metricValidityLeft(options?: MetricOptions): Metric {
    return this.metric('ValidityLeft', options);
  }

  /** How many milliseconds Jobber's token endpoint took to answer, p99. */
  metricTokenEndpointLatency(options?: MetricOptions): Metric {
    return this.metric('TokenEndpointLatency', options);
  }
}

/** The stack's name, and what tells this construct from others in it; the construct's usual name does not. */
function serviceNameOf(construct: Construct): string {
  const stack = Stack.of(construct);
  const path = construct.node.path.slice(stack.node.path.length + 1).split('/');
  const others = path.length === 1 && path[0] === 'JobberTokens' ? [] : path;
  return [stack.stackName, ...others].join('-');
}
