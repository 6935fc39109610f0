import { fetchIdentity, hasGrantEnded, type Identity, type User } from '../jobber/account.ts';
import { canonicalAccountId } from '../jobber/account-id.ts';
import { grantedAt } from '../jobber/granted-at.ts';
import type { GraphqlApi } from '../jobber/graphql.ts';
import type { JobberTokenEndpoint } from '../jobber/token-endpoint.ts';
import { unverifiedClaims } from '../jobber/unverified-claims.ts';
import { type Clock, type EpochMs, plus, toSeconds } from '../runtime/clock.ts';
import { count, logger } from '../runtime/telemetry.ts';
import type { ActiveConnection } from '../tokens/connection.ts';
import type { ConnectionTable } from '../tokens/connection-table.ts';
import type { ReplaceableGrant } from '../tokens/grant-writes.ts';
import { type NewGrant, type SavedGrant, saveGrant } from '../tokens/save-grant.ts';
import { type KeyRing, type RootKey, unseal } from '../tokens/sealing.ts';
import type { LinkUses } from './link-uses.ts';
import type { Intent } from './state.ts';

export interface Connecting {
  readonly endpoint: Pick<JobberTokenEndpoint, 'exchangeCode'>;
  readonly table: ConnectionTable;
  readonly linkUses: LinkUses;
  readonly sealingKeys: KeyRing;
  readonly clock: Clock;
  readonly redirectUri: string;
  readonly api: GraphqlApi & { readonly clock: Clock };
}

export interface Connected extends Identity {
  /** `already_connected`: the connection of another user was kept. */
  readonly kind: 'connected' | 'already_connected';
}

/** How an authorization ended. */
export type Outcome =
  | Connected
  | { readonly kind: 'link_expired' | 'link_used' | 'try_later' | 'configuration_problem' };

/** The longest time of each step, the check of another user's grant included in the last. */
const EXCHANGE_MS = 7_000;
const IDENTITY_MS = 6_000;
const SAVE_MS = 7_000;
const CHECK_MS = 3_000;

/**
 * Exchanges a code, asks Jobber whose the grant is, and stores it; but not over a working grant of another user, unless the
 * owner's app asked for this account by a link. Rejects if a secret or the table cannot be reached.
 */
export async function connectAccount(
  { endpoint, redirectUri, api, linkUses, ...store }: Connecting,
  {
    code,
    intent,
    sealingKey,
    deadline,
  }: { code: string; intent: Intent; sealingKey: RootKey; deadline: EpochMs },
): Promise<Outcome> {
  const { clock } = store;
  const grant = await endpoint.exchangeCode(code, redirectUri, EXCHANGE_MS);
  switch (grant.outcome) {
    case 'refused':
      return { kind: 'link_expired' };
    case 'client_rejected':
      count('ClientRejected');
      return { kind: 'configuration_problem' };
    case 'unknown':
      logger.warn('Jobber gave no usable answer to an authorization code.', { cause: grant.cause });
      return { kind: 'try_later' };
  }
  const { accessToken, refreshToken, expiresAt, clientId } = grant;
  if (accessToken === undefined) return { kind: 'try_later' };
  const connectedAt = grantedAt(expiresAt, clock.now());
  const fetched = await fetchIdentity(api, accessToken, IDENTITY_MS);
  if (!fetched) {
    logger.warn('Jobber did not say which account a new grant is for; the grant was not kept.');
    return { kind: 'try_later' };
  }
  const { account, user = userOf(accessToken) } = fetched;
  const { link } = intent;
  if (link?.accountId !== undefined && canonicalAccountId(link.accountId) !== account.id) {
    return { kind: 'link_used' };
  }
  if (link && !(await linkUses.mayConnect(link.id, account.id, clock.now()))) {
    logger.warn('A connect link was used for a second account.', { accountId: account.id });
    return { kind: 'link_used' };
  }
  const newGrant: NewGrant = {
    accessToken,
    refreshToken,
    expiresAt,
    clientId,
    accountId: account.id,
    accountName: account.name,
    connectedAt,
    ...(user && { userId: user.id }),
    ...(link?.ref !== undefined && { ref: link.ref }),
  };
  const saveBy = Math.min(deadline, plus(clock.now(), SAVE_MS)) as EpochMs;
  const save = (over: ReplaceableGrant) => saveGrant(store, sealingKey, newGrant, saveBy, over);
  const saved = link?.accountId === undefined ? await saveOverOwn() : await save('any');
  return outcomeOf(saved, { account, user });

  /**
   * The owner's app did not ask for this account, and whoever has a link may have sent it to somebody else. So the grant of
   * another user or `ref` stays, unless Jobber says that it has ended.
   */
  async function saveOverOwn(): Promise<SavedGrant> {
    const first = await save('own');
    if (first.outcome !== 'kept') return first;
    const ended = await endedToken(first.found);
    return ended ? save({ ended }) : first;
  }

  /** The stored access token, if Jobber rejects it before its time. */
  async function endedToken({ accountId, accessToken: sealed, ...found }: ActiveConnection) {
    const isOld = found.accessTokenExpiresAt <= toSeconds(clock.now());
    // A refresh may be under way, which replaces the token.
    if (!sealed || isOld || found.leaseId !== undefined) return undefined;
    const token = await unseal(store.sealingKeys, sealed, accountId, 'accessToken').catch(() => '');
    return token !== '' && (await hasGrantEnded(api, token, CHECK_MS)) ? sealed : undefined;
  }
}

function outcomeOf({ outcome }: SavedGrant, identity: Identity): Outcome {
  const accountId = identity.account.id;
  switch (outcome) {
    case 'connected':
      logger.info('Connected an account.', { accountId });
      return { kind: 'connected', ...identity };
    case 'kept':
      logger.info('Kept the connection of another user.', { accountId });
      return { kind: 'already_connected', ...identity };
    case 'disconnected':
      logger.info('An account was disconnected before a slow connect.', { accountId });
      return { kind: 'link_expired' };
  }
}

/** Jobber has just given us this token over TLS, so its claims are Jobber's. */
function userOf(accessToken: string): User | undefined {
  const { user_id: id } = unverifiedClaims(accessToken);
  const isId = typeof id === 'number' || typeof id === 'string';
  return isId ? { id: String(id).slice(0, 64) } : undefined;
}
