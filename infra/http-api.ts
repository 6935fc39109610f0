import { RemovalPolicy } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  type CfnStage,
  DomainName,
  HttpApi,
  type HttpMethod,
  HttpStage,
  LogGroupLogDestination,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { ICertificate } from 'aws-cdk-lib/aws-certificatemanager';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { ARecord, type IHostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayv2DomainProperties } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

/** A domain of the owner's for the HTTP functions. */
export interface CustomDomain {
  /** Such as `jobber.example.com`. */
  readonly name: string;
  /** For that name, in the stack's Region. */
  readonly certificate: ICertificate;
  /**
   * Where the name's record is made.
   * @default none: point the name at `domainTarget` yourself
   */
  readonly hostedZone?: IHostedZone;
}

export interface HttpFrontProps {
  readonly domain?: CustomDomain | undefined;
  readonly requestsPerSecond: number;
  /** For each path below `/oauth/`. */
  readonly connectsPerSecond: number;
  readonly logRetention: RetentionDays;
  readonly logGroupNamePrefix: string | undefined;
}

/** What the access log says of a request: no query string, which may hold a code and a state. */
const ACCESS_LOG = {
  time: '$context.requestTime',
  requestId: '$context.requestId',
  sourceIp: '$context.identity.sourceIp',
  route: '$context.routeKey',
  status: '$context.status',
  responseLength: '$context.responseLength',
  latencyMs: '$context.responseLatency',
  error: '$context.integrationErrorMessage',
};

/** The HTTP API in front of the functions that browsers and Jobber call. */
export class HttpFront extends Construct {
  readonly api: HttpApi;
  readonly stage: HttpStage;
  /** The origin that everybody sees. */
  readonly publicUrl: string;
  /** What a custom domain's record has to point at. */
  readonly domainTarget: string | undefined;
  private readonly connectsPerSecond: number;

  constructor(
    scope: Construct,
    id: string,
    {
      domain,
      requestsPerSecond,
      connectsPerSecond,
      logRetention,
      logGroupNamePrefix,
    }: HttpFrontProps,
  ) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', {
      createDefaultStage: false,
      // Otherwise every request could go round the domain.
      disableExecuteApiEndpoint: domain !== undefined,
    });
    const domainName = domain && this.domainName(domain);
    const accessLog = new LogGroup(this, 'AccessLog', {
      ...(logGroupNamePrefix !== undefined && { logGroupName: `${logGroupNamePrefix}http-access` }),
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      autoDeploy: true,
      throttle: { rateLimit: requestsPerSecond, burstLimit: 2 * requestsPerSecond },
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLog),
        format: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
      },
      ...(domainName && { domainMapping: { domainName } }),
    });
    this.connectsPerSecond = connectsPerSecond;
    // By the API's id, not by a route: the functions behind the routes need to know it.
    this.publicUrl = domain ? `https://${domain.name}` : this.api.apiEndpoint;
    this.domainTarget = domainName?.regionalDomainName;
  }

  /** `route` is as in the manifest: `GET /oauth/connect`. */
  addRoute(route: string, fn: IFunction): void {
    const [method, path] = route.split(' ') as [HttpMethod, string];
    const integration = new HttpLambdaIntegration(fn.node.id, fn);
    const isConnect = path.startsWith('/oauth/');
    if (isConnect) this.limit(route);
    for (const added of this.api.addRoutes({ path, methods: [method], integration })) {
      // The stage may limit only what there is.
      if (isConnect) this.stage.node.addDependency(added);
      acknowledge(added, {
        id: 'AwsSolutions::AwsSolutions-APIG4',
        reason: 'Browsers come here without credentials; the functions verify what they bring.',
      });
    }
  }

  /** The construct of a stage has no settings of its routes. */
  private limit(route: string): void {
    const stage = this.stage.node.defaultChild as CfnStage;
    const rate = this.connectsPerSecond;
    stage.addPropertyOverride(`RouteSettings.${route.replaceAll('.', '\\.')}`, {
      ThrottlingRateLimit: rate,
      ThrottlingBurstLimit: 2 * rate,
    });
  }

  private domainName({ name, certificate, hostedZone }: CustomDomain): DomainName {
    const domainName = new DomainName(this, 'Domain', {
      domainName: name,
      certificate,
      securityPolicy: SecurityPolicy.TLS_1_2,
    });
    if (hostedZone) {
      const target = RecordTarget.fromAlias(
        new ApiGatewayv2DomainProperties(
          domainName.regionalDomainName,
          domainName.regionalHostedZoneId,
        ),
      );
      new ARecord(this, 'Record', { zone: hostedZone, recordName: name, target });
    }
    return domainName;
  }
}
