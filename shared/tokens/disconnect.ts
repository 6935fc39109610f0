import { type Clock, type EpochMs, plus } from '../runtime/clock.ts';
import { REVOKE } from './budgets.ts';
import { type Connection, isDisconnecting } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import { endConnection } from './end-connection.ts';
import {
  DisconnectedError,
  NotConnectedError,
  ReconnectRequiredError,
  TableUnavailableError,
  TokenError,
  whileNothingIsUnsaved,
} from './errors.ts';
import type { TokenHelper } from './token-helper.ts';

/** How the authorization server takes it that a grant is to end. */
export type Revocation =
  /** The grant has ended, now or earlier. */
  | { readonly outcome: 'revoked' }
  | { readonly outcome: 'token_rejected' }
  /** `cause` holds no part of the answer. */
  | { readonly outcome: 'unknown'; readonly cause: string };

export interface DisconnectDependencies {
  readonly table: ConnectionTable;
  readonly clock: Clock;
  readonly tokens: Pick<TokenHelper, 'getAccessToken' | 'appeal'>;
  /** Ends the grant of an access token. Never rejects. */
  revoke(accessToken: string, timeoutMs: number): Promise<Revocation>;
}

export type Disconnection =
  /** The grant has ended and its tokens are deleted. */
  | { readonly status: 'disconnected' }
  /** Marked: callers find no token any more, and sweeps try again until the grant has ended. */
  | { readonly status: 'disconnecting'; readonly cause: string }
  /** The account connected anew meanwhile; that grant stays. */
  | { readonly status: 'reconnected' };

/**
 * Disconnects from our side: MARK the connection, end its grant with a token of its own, END it in the table. The tokens
 * are kept until the grant has ended or refuses them, since nothing else can end it.
 */
export function disconnectProtocol({ table, clock, tokens, revoke }: DisconnectDependencies) {
  return { disconnect, resume };

  /**
   * May be repeated.
   * @throws NotConnectedError, TableUnavailableError, and any retryable TokenError if a connection that needs its admin could not
   *   be tried once more: nothing has begun then
   */
  async function disconnect(accountId: string, deadline: EpochMs): Promise<Disconnection> {
    let found = await whileNothingIsUnsaved(table.get(accountId));
    if (found?.status === 'reconnect_required' && found.appealAt !== undefined) {
      // The verdict may have been wrong. Then the grant lives, and only a token of its own can end it. So delete the tokens
      // only if Jobber refuses them once more.
      const isRefused = await isRefusedAgain(accountId, deadline);
      found = await whileNothingIsUnsaved(table.get(accountId));
      if (found?.status === 'reconnect_required' && !isRefused) throw new TableUnavailableError();
    }
    for (;;) {
      if (!found) throw new NotConnectedError();
      if (found.status === 'disconnected') return { status: 'disconnected' };
      const isLapsed = found.status === 'reconnect_required';
      const written = await whileNothingIsUnsaved(
        isLapsed
          ? table.end(accountId, found, 'disconnected_by_app', clock.now())
          : table.markDisconnecting(accountId, found.grantId, clock.now()),
      );
      if (written.written) return isLapsed ? { status: 'disconnected' } : finish(found, deadline);
      found = written.found;
    }
  }

  async function isRefusedAgain(accountId: string, deadline: EpochMs): Promise<boolean> {
    try {
      await tokens.appeal(accountId, { deadline, atOnce: true });
      return false;
    } catch (error) {
      if (error instanceof ReconnectRequiredError) return true;
      throw error;
    }
  }

  /** Tries again if the connection is still marked; `undefined` if not. @throws TableUnavailableError */
  async function resume(accountId: string, deadline: EpochMs): Promise<Disconnection | undefined> {
    const found = await whileNothingIsUnsaved(table.get(accountId));
    return found && isDisconnecting(found) ? finish(found, deadline) : undefined;
  }

  async function finish(marked: Connection, deadline: EpochMs): Promise<Disconnection> {
    try {
      const revocation = await revokeGrant(marked, deadline);
      if (revocation.outcome === 'revoked') return await end(marked);
      const { outcome, cause = outcome } = { cause: undefined, ...revocation };
      return { status: 'disconnecting', cause };
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      if (error instanceof DisconnectedError) return end(marked);
      // The sealing key may be restored, and with it the token that can end the grant.
      const cause = error instanceof ReconnectRequiredError ? error.reason : error.code;
      return { status: 'disconnecting', cause };
    }
  }

  /** A token that lasts may be dead all the same: then once more, with a new one. */
  async function revokeGrant(
    { accountId, grantId }: Connection,
    deadline: EpochMs,
  ): Promise<Revocation> {
    // Any token that lasts can end the grant, so do not refresh one that does.
    const options = { grantId, minValiditySeconds: 0, deadline: plus(deadline, -REVOKE) };
    const { accessToken } = await tokens.getAccessToken(accountId, options);
    const first = await revoke(accessToken, REVOKE);
    if (first.outcome !== 'token_rejected') return first;
    const renewed = await tokens.getAccessToken(accountId, {
      ...options,
      rejectedToken: accessToken,
    });
    return revoke(renewed.accessToken, REVOKE);
  }

  async function end({ accountId, grantId }: Connection): Promise<Disconnection> {
    const ended = await whileNothingIsUnsaved(
      endConnection({ table, clock }, accountId, {
        isAbout: (grant) => grant.grantId === grantId,
        reason: 'disconnected_by_app',
      }),
    );
    return { status: ended === 'newer_grant' ? 'reconnected' : 'disconnected' };
  }
}
