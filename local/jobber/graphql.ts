import { adminsOf } from './accounts.ts';
import { answeringVersion, versioningOf } from './api-versions.ts';
import type { PendingRequest } from './faults.ts';
import type { Grants } from './grants.ts';
import { type Cost, costOf, graphqlLimits } from './graphql-limits.ts';
import { fieldNames, type Operation, readOperation, requestedCost } from './graphql-query.ts';
import { executeFor } from './graphql-schema.ts';
import { type Answer, json, mediaType, type Received, text } from './http.ts';
import type { SimulatorSettings } from './settings.ts';
import type { Account, Grant } from './state.ts';
import type { Webhooks } from './webhooks.ts';

/** Fields that need a scope which the app does not have. */
const HIDDEN_FIELDS =
  /^(?:expenses?|invoices?|jobs?|products?|propert(?:y|ies)|quotes?|requests?|tasks?|timeSheetEntries|visits?)$/;

const TOKEN_NOT_RECOGNIZED = json(401, { message: 'Token not recognized' });

/*
 * What Jobber answers to these, or with which status, is not known. Assumed: 401 for what ends a
 * connection, 400 for what no client should send, prose for the request limit.
 */
const DISCONNECTED = json(401, {
  message: 'User has disconnected this app from their account. Please delete this token',
});
const INACTIVE = json(401, { error: { message: 'This account is not active' } });
const NO_JSON = text(400, 'The Content-Type must be application/json.');
const NO_VERSION = json(400, { message: 'The X-JOBBER-GRAPHQL-VERSION header is required.' });
const NO_QUERY = json(400, { message: 'The body must be a JSON object with a query.' });
const TOO_MANY_REQUESTS = text(429, 'Too many requests.');

/** The answer to a query that costs more than is available (`cost.actualQueryCost` is 0 then). */
export const throttled = (cost: Cost, extensions: object = {}): Answer =>
  json(200, {
    errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }],
    extensions: { cost, ...extensions },
  });

/** `POST /api/graphql` */
export function graphqlEndpoint(
  settings: SimulatorSettings,
  grants: Grants,
  webhooks: Webhooks,
  now: () => number,
) {
  const limits = graphqlLimits(now);

  function work({ headers, body }: Received, accessToken: string | undefined): Answer {
    if (mediaType(headers) !== 'application/json') return NO_JSON;
    const asked = headers['x-jobber-graphql-version'];
    if (typeof asked !== 'string') return NO_VERSION;
    const version = answeringVersion(settings.apiVersions, asked);
    if (version === undefined)
      return json(404, { message: `GraphQL API version '${asked}' does not exist` });
    const request = readRequest(body);
    if (!request) return NO_QUERY;
    const operation = readOperation(request.query, request.operationName, request.variables);
    if (accessToken === undefined) return unauthenticated(operation);

    const bearer = grants.judgeBearer(accessToken);
    switch (bearer.kind) {
      case 'unknown':
        return TOKEN_NOT_RECOGNIZED;
      case 'disconnected':
        return DISCONNECTED;
      case 'inactive':
        return INACTIVE;
      case 'live':
        return limited(operation, version, bearer.account, bearer.grant);
    }
  }

  function limited(
    operation: Operation | undefined,
    version: string,
    account: Account,
    grant: Grant,
  ): Answer {
    const requested = operation ? requestedCost(operation) : 1;
    const versioning = versioningOf(settings.apiVersions, version);
    if (settings.graphqlLimits === 'off')
      return execute(operation, account, grant, {
        cost: costOf(requested, requested),
        versioning,
      });
    if (limits.countRequest(account.id)) return TOO_MANY_REQUESTS;
    const charge = limits.charge(account.id, requested);
    if (charge.throttled) return throttled(charge.cost, { versioning });
    return execute(operation, account, grant, { cost: charge.cost, versioning });
  }

  function execute(
    operation: Operation | undefined,
    account: Account,
    grant: Grant,
    extensions: object,
  ): Answer {
    if (!operation) return failed('The query is not one valid GraphQL operation.', extensions);
    const hidden = fieldNames(operation).find((name) => HIDDEN_FIELDS.test(name));
    if (hidden) return hiddenField(hidden, extensions);
    const disconnect = () => {
      grants.end([grant], 'disconnected');
      webhooks.send('APP_DISCONNECT', account.id);
    };
    const [first, second] = adminsOf(account);
    const user = grant.userId === second.id ? second : first;
    const executed = executeFor(account, user, settings.clientsPerAccount, disconnect, operation);
    return json(200, { ...executed, extensions });
  }

  return {
    receive(request: Received): PendingRequest {
      const accessToken = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
      return {
        path: 'graphql',
        grantType: undefined,
        accountId: accessToken === undefined ? undefined : grants.ownerOf.accessToken(accessToken),
        work: () => work(request, accessToken),
      };
    },
    forgetLimits: limits.forget,
  };
}

function readRequest(body: string) {
  try {
    const { query, variables, operationName } = JSON.parse(body) as Record<string, unknown>;
    if (typeof query !== 'string') return undefined;
    return {
      query,
      variables: (variables ?? {}) as Record<string, unknown>,
      operationName: typeof operationName === 'string' ? operationName : undefined,
    };
  } catch {
    return undefined;
  }
}

function unauthenticated(operation: Operation | undefined): Answer {
  const type = operation?.definition.operation === 'mutation' ? 'Mutation' : 'Query';
  const [field = 'account'] = operation ? fieldNames(operation) : [];
  const message = `The field ${field} on an object of type ${type} was hidden because you are unauthenticated`;
  return json(200, {
    errors: [{ message, extensions: { code: 'UNAUTHENTICATED' } }],
    data: { [field]: null },
  });
}

function hiddenField(field: string, extensions: object): Answer {
  const message = `The field ${field} on an object of type Query was hidden due to permissions`;
  return json(200, { data: null, errors: [{ message }], extensions });
}

const failed = (message: string, extensions: object) =>
  json(200, { errors: [{ message }], extensions });
