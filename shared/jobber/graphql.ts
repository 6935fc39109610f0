import {
  unknownVersion,
  type Versioning,
  type VersionNotice,
  versionNotices,
} from './api-version.ts';
import { type Answer, exchange, type Limits, type NoAnswer } from './http.ts';

export interface GraphqlApi {
  readonly baseUrl: string;
  /** `X-JOBBER-GRAPHQL-VERSION`, which Jobber requires. */
  readonly graphqlVersion: string;
  /** Called for each answer by another version, each warning about the version, and each refusal of it. */
  readonly onVersionNotice: (notice: VersionNotice) => void;
}

export interface GraphqlRequest {
  readonly query: string;
  readonly variables?: object | undefined;
  readonly operationName?: string | undefined;
}

/** Points of a query (Jobber, "API Rate Limits"); `restoreRate` is per second. */
export interface QueryCost {
  readonly requestedQueryCost: number;
  readonly maximumAvailable: number;
  readonly currentlyAvailable: number;
  readonly restoreRate: number;
}

export interface GraphqlErrorEntry {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

interface Executed {
  readonly data: unknown;
  /** `undefined` if Jobber did not say. */
  readonly cost: QueryCost | undefined;
  readonly versioning: Versioning;
}

export type GraphqlAnswer =
  | ({ readonly kind: 'data' } & Executed)
  | ({ readonly kind: 'errors'; readonly errors: readonly GraphqlErrorEntry[] } & Executed)
  /** The token has expired, or is of a grant that ended. Nothing was executed. */
  | { readonly kind: 'token_rejected' }
  /** A user disconnected the app in Jobber. */
  | { readonly kind: 'disconnected' }
  /** To be taken as disconnected, Jobber says. */
  | { readonly kind: 'inactive' }
  | { readonly kind: 'throttled'; readonly cost: QueryCost | undefined }
  /** Over 2,500 requests in 300 s. */
  | { readonly kind: 'too_many_requests'; readonly retryAfterMs: number | undefined }
  | {
      readonly kind: 'unavailable';
      readonly cause: string;
      readonly maybeReceived: boolean;
      readonly retryAfterMs: number | undefined;
    }
  /** The request itself is wrong, such as an unknown API version. */
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };

/** `POST /api/graphql`. Never rejects. */
export async function askGraphql(
  { baseUrl, graphqlVersion, onVersionNotice }: GraphqlApi,
  accessToken: string,
  request: GraphqlRequest,
  timeoutMs: number,
  limits?: Limits,
): Promise<GraphqlAnswer> {
  const answer = await exchange(
    `${baseUrl}/api/graphql`,
    {
      headers: {
        authorization: `Bearer ${accessToken}`,
        'content-type': 'application/json',
        'x-jobber-graphql-version': graphqlVersion,
      },
      body: JSON.stringify(request),
    },
    timeoutMs,
    limits,
  );
  if (answer.status === 'none') return noAnswer(answer);
  const read = readAnswer(answer);
  if (read.kind === 'data' || read.kind === 'errors')
    versionNotices(graphqlVersion, read.versioning).forEach(onVersionNotice);
  if (read.kind === 'refused' && /API version .* does not exist/i.test(read.message))
    onVersionNotice(unknownVersion(graphqlVersion));
  return read;
}

/**
 * What an answer means. With which status Jobber says that an account is disconnected, inactive or
 * unavailable is not documented, so their texts count with any.
 */
export function readAnswer(answer: Answer): GraphqlAnswer {
  const { status, retryAfterMs } = answer;
  const json = answer.complete ? parseObject(answer.body) : undefined;
  const message = messageOf(json);
  const errors = errorsOf(json?.['errors']);
  const codes = errors.map(({ extensions }) => extensions?.['code']);
  const extensions = asObject(json?.['extensions']);

  if (/has disconnected this app/i.test(message)) return { kind: 'disconnected' };
  if (/account is not active/i.test(message)) return { kind: 'inactive' };
  if (status === 401 || /token not recognized/i.test(message) || codes.includes('UNAUTHENTICATED'))
    return { kind: 'token_rejected' };
  if (codes.includes('THROTTLED'))
    return { kind: 'throttled', cost: costOf(asObject(extensions?.['cost'])) };
  if (status === 429) return { kind: 'too_many_requests', retryAfterMs };

  if (status >= 400 && status < 500 && !isHtml(answer))
    return { kind: 'refused', status, message: message || (errors[0]?.message ?? '') };
  const data = json?.['data'];
  if (status === 200 && (errors.length > 0 || asObject(data))) {
    const executed = {
      data,
      cost: costOf(asObject(extensions?.['cost'])),
      versioning: versioningOf(asObject(extensions?.['versioning'])),
    };
    return errors.length > 0
      ? { kind: 'errors', errors, ...executed }
      : { kind: 'data', ...executed };
  }
  return { kind: 'unavailable', cause: unusable(answer, json), maybeReceived: true, retryAfterMs };
}

const noAnswer = ({ maybeReceived }: NoAnswer): GraphqlAnswer => ({
  kind: 'unavailable',
  cause: 'no answer',
  maybeReceived,
  retryAfterMs: undefined,
});

/** Without anything of the body: it may be a page. */
function unusable(answer: Answer, json: object | undefined): string {
  if (!answer.complete) return `HTTP ${answer.status}, cut short`;
  if (isHtml(answer)) return `HTTP ${answer.status} with a page`;
  return `HTTP ${answer.status} with ${json ? 'no GraphQL answer' : 'no JSON'}`;
}

const isHtml = ({ contentType, body }: Answer) =>
  /^text\/html/i.test(contentType) || /^\s*</.test(body);

type Json = Readonly<Record<string, unknown>>;

const asObject = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : undefined;

function parseObject(body: string): Json | undefined {
  try {
    return asObject(JSON.parse(body));
  } catch {
    return undefined;
  }
}

/** `{"message": …}` or `{"error": {"message": …}}`. */
function messageOf(json: Json | undefined): string {
  const message = json?.['message'] ?? asObject(json?.['error'])?.['message'];
  return typeof message === 'string' ? message : '';
}

function errorsOf(value: unknown): GraphqlErrorEntry[] {
  if (!Array.isArray(value)) return [];
  return value.map((entry) => {
    const { message, ...rest } = asObject(entry) ?? {};
    return { ...rest, message: typeof message === 'string' ? message : 'no message' };
  });
}

function costOf(cost: Json | undefined): QueryCost | undefined {
  const status = asObject(cost?.['throttleStatus']);
  const requestedQueryCost = cost?.['requestedQueryCost'];
  const { maximumAvailable, currentlyAvailable, restoreRate } = status ?? {};
  return isNumber(requestedQueryCost) &&
    isNumber(maximumAvailable) &&
    isNumber(currentlyAvailable) &&
    isNumber(restoreRate) &&
    restoreRate > 0
    ? { requestedQueryCost, maximumAvailable, currentlyAvailable, restoreRate }
    : undefined;
}

const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value);

const versioningOf = (versioning: Json | undefined): Versioning => ({
  version: textOf(versioning?.['version']),
  warning: textOf(versioning?.['warning']),
});

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
