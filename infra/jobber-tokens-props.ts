import type { Duration } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { FunctionName } from '../functions/manifest.ts';
import type { ConnectionsTableProps } from './connections-table.ts';
import type { FunctionSettings } from './function-settings.ts';
import type { CustomDomain } from './http-api.ts';
import type { NetworkProps } from './network.ts';
import type { AnySecret } from './secrets.ts';

export interface JobberTokensProps extends ConnectionsTableProps, NetworkProps {
  /** The client id of the Jobber app, as in the app secret. It is no secret: every browser that connects sees it. */
  readonly clientId: string;
  /**
   * A secret of yours that holds `{"clientId": "…", "clientSecret": "…"}` of the Jobber app. If a key of yours encrypts it, import it
   * with `Secret.fromSecretAttributes` and its `encryptionKey`.
   * @default - a new secret with a placeholder, whose value you set
   */
  readonly appSecret?: AnySecret;
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
  /**
   * What the names of the log groups begin with, such as `/my-app/jobber-tokens/`. The name of the function follows, or
   * `http-access`. CloudFormation replaces log groups whose names change: their logs are lost.
   * @default - CloudFormation makes up the names
   */
  readonly logGroupNamePrefix?: string;
  /**
   * What you need of a function beyond the other settings: memory, reserved concurrency, layers, more variables, tracing.
   * @default - nothing
   */
  readonly functionProps?: (name: FunctionName) => FunctionSettings;
}

/** @throws an error that names the first setting that cannot work */
export function refuseWrongSettings({
  returnToOrigins = [],
  postConnectUrl,
  manageUrl,
}: JobberTokensProps): void {
  refuseOtherThanOrigins(returnToOrigins);
  refuseOtherThanUrls({ postConnectUrl, manageUrl });
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
