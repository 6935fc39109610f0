/** Every variable that a function may read; `functions/manifest.ts` says which one reads which. */
export type Variable =
  | 'TABLE_NAME'
  | 'APP_SECRET_ID'
  | 'SEALING_SECRET_ID'
  | 'SIGNING_SECRET_ID'
  | 'CLIENT_ID'
  | 'REFRESH_QUEUE_URL'
  | 'ESCROW_QUEUE_URL'
  | 'PUBLIC_URL'
  | 'JOBBER_BASE_URL'
  | 'JOBBER_GRAPHQL_VERSION'
  | 'MARKETPLACE_CONNECT'
  | 'RETURN_TO_ORIGINS'
  | 'EVENT_BUS_NAME'
  | 'POST_CONNECT_URL'
  | 'MANAGE_URL'
  | 'KEEP_WARM_HOURS'
  | 'POWERTOOLS_SERVICE_NAME';

/** What stands for a value that only the owner knows, until it is set. */
export const NOT_SET = 'not set';

/** The one place that reads the environment. Each function reads only what it uses. */
export const environment = {
  /** The DynamoDB table of the connections. */
  tableName: () => required('TABLE_NAME'),
  /** The secret `{"clientId": "…", "clientSecret": "…"}` of the Jobber app. */
  appSecretId: () => required('APP_SECRET_ID'),
  /** The secret whose versions are the sealing keys. */
  sealingSecretId: () => required('SEALING_SECRET_ID'),
  /** The secret whose versions sign states, connect links and claims. */
  signingSecretId: () => required('SIGNING_SECRET_ID'),
  /** The id of the Jobber app; `undefined` until its owner has set it. */
  clientId: () => {
    const id = optional('CLIENT_ID', NOT_SET);
    return id === NOT_SET ? undefined : id;
  },
  /** The queue from the sweep to `refresh-connection`. */
  refreshQueueUrl: () => required('REFRESH_QUEUE_URL'),
  /** The queue that keeps rotations while the table refuses writes. */
  escrowQueueUrl: () => required('ESCROW_QUEUE_URL'),
  /** The name or ARN of `get-token`, in the owner's own functions. */
  getTokenFunction: () => required('JOBBER_TOKENS_GET_TOKEN_FUNCTION'),
  /** That of `disconnect`, in the owner's own functions. */
  disconnectFunction: () => required('JOBBER_TOKENS_DISCONNECT_FUNCTION'),
  /** That of `create-connect-link`, in the owner's own functions. */
  connectLinkFunction: () => required('JOBBER_TOKENS_CONNECT_LINK_FUNCTION'),
  /** The EventBridge bus of the events. */
  eventBusName: () => required('EVENT_BUS_NAME'),
  /** Where browsers reach the HTTP functions, without a slash at the end. */
  publicUrl: () => origin(required('PUBLIC_URL'), 'PUBLIC_URL'),
  jobberBaseUrl: () =>
    origin(optional('JOBBER_BASE_URL', 'https://api.getjobber.com'), 'JOBBER_BASE_URL'),
  /** `X-JOBBER-GRAPHQL-VERSION`, a date that Jobber lists. */
  jobberGraphqlVersion: () => optional('JOBBER_GRAPHQL_VERSION', '2026-05-12'),
  /** Where a connect that started in Jobber's marketplace leads on to, with a signed claim of the account. */
  postConnectUrl: () => optional('POST_CONNECT_URL', '') || undefined,
  /** Where the button Manage App of Jobber's marketplace leads on to, with a signed claim of the account and the user. */
  manageUrl: () => optional('MANAGE_URL', '') || undefined,
  /** Whether a connect may start without a link of the owner's app, as in Jobber's marketplace. */
  marketplaceConnect: () => optional('MARKETPLACE_CONNECT', 'allow') === 'allow',
  /** Origins that a connect link may return to. */
  returnToOrigins: () =>
    optional('RETURN_TO_ORIGINS', '')
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
      .map((entry) => origin(entry, 'RETURN_TO_ORIGINS')),
  /** For how long after its last use a connection is kept warm: milliseconds, or for ever. */
  keepWarm: (): number | 'forever' => {
    const hours = optional('KEEP_WARM_HOURS', '24');
    if (hours === 'forever') return hours;
    if (!/^\d+$/.test(hours)) {
      throw new Error(
        'The environment variable KEEP_WARM_HOURS must hold a whole number, or forever.',
      );
    }
    return Number(hours) * 60 * 60_000;
  },
  /** Tells this deployment's logs and metrics from another's. */
  serviceName: () => optional('POWERTOOLS_SERVICE_NAME', 'jobber-tokens'),
};

function optional(name: Variable, fallback: string): string {
  return process.env[name] || fallback;
}

/** Which of our functions the owner's functions invoke. */
type FunctionVariable =
  | 'JOBBER_TOKENS_GET_TOKEN_FUNCTION'
  | 'JOBBER_TOKENS_DISCONNECT_FUNCTION'
  | 'JOBBER_TOKENS_CONNECT_LINK_FUNCTION';

function required(name: Variable | FunctionVariable): string {
  const value = process.env[name];
  if (!value) throw new Error(`The environment variable ${name} is not set.`);
  return value;
}

function origin(value: string, name: Variable): string {
  const url = URL.parse(value);
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search || url.hash) {
    throw new Error(
      `The environment variable ${name} must hold an origin such as https://example.com.`,
    );
  }
  return url.origin;
}
