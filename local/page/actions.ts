import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { SyncResult } from '../../examples/sync-clients.ts';
import type { SweepResult } from '../../functions/refresh-sweep.ts';
import type {
  ConnectLinkResponse,
  DisconnectResponse,
  GetTokenResponse,
} from '../../shared/client/contract.ts';
import { environment } from '../../shared/runtime/environment.ts';
import type { Activity } from '../activity.ts';
import type { Lambda } from '../functions.ts';
import type { JobberSimulator } from '../jobber/simulator.ts';
import { ageInTable, listConnections } from './connections.ts';
import { stampede } from './stampede.ts';

export interface PageDependencies {
  readonly url: string;
  readonly tableName: string;
  readonly db: DynamoDBDocumentClient;
  readonly simulator: JobberSimulator | undefined;
  readonly lambda: Lambda;
  readonly log: Activity;
  /** If there is one, the page asks for it. */
  readonly key: string | undefined;
}

const CALLERS = 200;
const PROCESSES = 4;

/** What the buttons do. Each notes what happened and returns it. */
export function pageActions({ url, tableName, db, simulator, lambda, log }: PageDependencies) {
  return {
    /** Asks for a token and calls the API with it; on 401 once more with a new one. */
    async token({ accountId, name }: { accountId: string; name: string }) {
      const steps: string[] = [];
      let answer = await getToken({ accountId });
      let status = answer.ok ? await callApi(answer.accessToken) : undefined;
      if (answer.ok && status === 401) {
        steps.push('Jobber answered 401, so the token was reported as rejected');
        answer = await getToken({ accountId, rejectedToken: answer.accessToken });
        status = answer.ok ? await callApi(answer.accessToken) : undefined;
      }
      if (!answer.ok) {
        log.note(`${name}: no token, ${answer.error.code}`, 'bad');
        return { ok: false, code: answer.error.code };
      }
      const minutes = Math.round((answer.expiresAt - Date.now() / 1000) / 60);
      steps.push(`a token valid for ${minutes} min`, `Jobber’s API answered ${status}`);
      log.note(`${name}: ${steps.join(' → ')}`, status === 200 ? 'good' : 'bad');
      return { ok: status === 200, refreshed: steps.length > 2 };
    },

    /** An hour passes for this access token, at Jobber and in the table. */
    async expire({ accountId, name }: { accountId: string; name: string }) {
      simulator?.expireAccessTokens(accountId);
      await ageInTable(db, tableName, accountId);
      log.note(`${name}: the access token has expired`);
      return { ok: true };
    },

    async stampede({ accountId, name }: { accountId: string; name: string }) {
      const before = await rotations(accountId);
      const result = await stampede(lambda, accountId, CALLERS, PROCESSES);
      const redemptions = (await rotations(accountId)) - before;
      log.note(
        `${name}: ${result.callers} callers in ${result.processes} processes → ` +
          `${result.served} got a token, ${redemptions} redemption${redemptions === 1 ? '' : 's'}, ${result.took} ms`,
        result.errors.length === 0 ? 'good' : 'bad',
      );
      return { ok: result.errors.length === 0, ...result, redemptions };
    },

    /** A link for a customer of the owner's, which carries the owner's own id of it. */
    async link() {
      const ref = `customer-${Date.now() % 10_000}`;
      const request = { ref, returnTo: `${url}/` };
      const answer = (await lambda.invoke('create-connect-link', request)) as ConnectLinkResponse;
      log.note(answer.ok ? `A connect link for ${ref}, good for 15 min` : answer.error.message);
      return { ref, ...answer };
    },

    /** A link for whichever account is chosen in Jobber, again and again. */
    async connect() {
      const request = { returnTo: `${url}/` };
      return (await lambda.invoke('create-connect-link', request)) as ConnectLinkResponse;
    },

    /** From our side: Jobber is told, then the tokens are deleted. */
    async end({ accountId, name }: { accountId: string; name: string }) {
      const answer = (await lambda.invoke('disconnect', { accountId })) as DisconnectResponse;
      const outcome = answer.ok ? answer.status : answer.error.code;
      log.note(`${name}: disconnected by us → ${outcome}`, answer.ok ? 'neutral' : 'bad');
      return answer;
    },

    /** The account's admin presses Disconnect in Jobber, which says so by webhook. */
    async disconnect({ accountId, name }: { accountId: string; name: string }) {
      if (!simulator) return { ok: false };
      simulator.disconnect(accountId);
      log.note(`${name}: disconnected in Jobber`);
      return { ok: true };
    },

    /** The same, but the webhook is lost, and it is an hour until anybody notices. */
    async revoke({ accountId, name }: { accountId: string; name: string }) {
      if (!simulator) return { ok: false };
      const { webhookUrl } = simulator.settings;
      simulator.settings.webhookUrl = '';
      simulator.disconnect(accountId);
      simulator.settings.webhookUrl = webhookUrl;
      await ageInTable(db, tableName, accountId);
      log.note(`${name}: disconnected in Jobber an hour ago; nobody has told us yet`, 'bad');
      return { ok: true };
    },

    /** As a function of the owner's own does, every call through the client. */
    async sync({ accountId, name }: { accountId: string; name: string }) {
      const { copied } = (await lambda.invoke('sync-clients', { accountId })) as SyncResult;
      log.note(`${name}: ${copied} clients copied`, 'good');
      return { ok: true, copied };
    },

    async sweep() {
      const result = (await lambda.invoke('refresh-sweep', { everything: true })) as SweepResult;
      const { queued } = result;
      log.note(`Sweep of all slots: ${queued} connection${queued === 1 ? '' : 's'} visited`);
      return { ok: true, ...result };
    },
  };

  function getToken(request: { accountId: string; rejectedToken?: string }) {
    return lambda.invoke('get-token', request) as Promise<GetTokenResponse>;
  }

  async function callApi(accessToken: string): Promise<number> {
    const response = await fetch(`${process.env['JOBBER_BASE_URL']}/api/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${accessToken}`,
        'content-type': 'application/json',
        'x-jobber-graphql-version': environment.jobberGraphqlVersion(),
      },
      body: JSON.stringify({ query: 'query { account { id name } }' }),
    });
    await response.body?.cancel();
    return response.status;
  }

  /** By the simulator's count; the real Jobber tells nobody. */
  async function rotations(accountId: string): Promise<number> {
    const audit = simulator?.auditAccount(accountId);
    if (audit) return audit.redemptions + audit.refusals;
    const connections = await listConnections(db, tableName);
    return connections.find((each) => each.accountId === accountId)?.rotation ?? 0;
  }
}
