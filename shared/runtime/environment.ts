/** The one place that reads the environment. Each function reads only what it uses. */
export const environment = {
  /** The DynamoDB table of the connections. */
  tableName: () => required('TABLE_NAME'),
  /** The secret `{"clientId": "…", "clientSecret": "…"}` of the Jobber app. */
  appSecretId: () => required('APP_SECRET_ID'),
  /** The secret whose versions are the sealing keys. */
  sealingSecretId: () => required('SEALING_SECRET_ID'),
  /** The queue from the sweep to `refresh-connection`. */
  refreshQueueUrl: () => required('REFRESH_QUEUE_URL'),
  /** The queue that keeps rotations while the table refuses writes. */
  escrowQueueUrl: () => required('ESCROW_QUEUE_URL'),
  /** The name or ARN of `get-token`, in the owner's own functions. */
  getTokenFunction: () => required('JOBBER_TOKENS_GET_TOKEN_FUNCTION'),
  /** The EventBridge bus of the events. */
  eventBusName: () => required('EVENT_BUS_NAME'),
  /** Where browsers reach the HTTP functions, without a slash at the end. */
  publicUrl: () => origin(required('PUBLIC_URL'), 'PUBLIC_URL'),
  jobberBaseUrl: () =>
    origin(optional('JOBBER_BASE_URL', 'https://api.getjobber.com'), 'JOBBER_BASE_URL'),
  /** `X-JOBBER-GRAPHQL-VERSION`, a date that Jobber lists. */
  jobberGraphqlVersion: () => optional('JOBBER_GRAPHQL_VERSION', '2025-04-16'),
  /** Whether connects that start in Jobber's marketplace, without a state, are accepted. */
  marketplaceConnect: () => optional('MARKETPLACE_CONNECT', 'allow') === 'allow',
  /** Origins that a connect link may return to. */
  returnToOrigins: () =>
    optional('RETURN_TO_ORIGINS', '')
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
      .map((entry) => origin(entry, 'RETURN_TO_ORIGINS')),
};

function optional(name: string, fallback: string): string {
  return process.env[name] || fallback;
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`The environment variable ${name} is not set.`);
  return value;
}

function origin(value: string, name: string): string {
  const url = URL.parse(value);
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search || url.hash) {
    throw new Error(
      `The environment variable ${name} must hold an origin such as https://example.com.`,
    );
  }
  return url.origin;
}
