import { encodeAccountId } from './accounts.ts';
import type { Grants } from './grants.ts';
import type { Account, GrantStatus, State, Totals } from './state.ts';

export interface Audit {
  readonly totals: Totals;
  readonly accounts: AccountAudit[];
}

export interface AccountAudit {
  readonly id: number;
  /** `account.id` as GraphQL answers it. */
  readonly encodedId: string;
  readonly name: string;
  readonly userId: number;
  readonly active: boolean;
  /** Refresh tokens redeemed with success. */
  readonly redemptions: number;
  /** Attempts, refused or not, with a refresh token that had been redeemed; none while rotation is off. */
  readonly doubleRedemptions: number;
  /** Attempts with a refresh token that was not valid. */
  readonly refusals: number;
  /** All that would be accepted now, newest first. */
  readonly liveRefreshTokens: string[];
  /** Oldest first. */
  readonly grants: GrantAudit[];
}

export interface GrantAudit {
  readonly id: string;
  readonly status: GrantStatus;
  /** Milliseconds since the Unix epoch. */
  readonly authorizedAt: number;
  readonly redemptions: number;
}

export function auditAll(state: State, grants: Grants): Audit {
  return {
    totals: { ...state.totals },
    accounts: state.accounts.map((account) => auditOf(account, grants)),
  };
}

export function auditOf(account: Account, grants: Grants): AccountAudit {
  const { id, name, userId, active, redemptions, doubleRedemptions, refusals } = account;
  return {
    id,
    encodedId: encodeAccountId(id),
    name,
    userId,
    active,
    redemptions,
    doubleRedemptions,
    refusals,
    liveRefreshTokens: grants.liveRefreshTokens(account),
    grants: account.grants.map((grant) => ({
      id: grant.id,
      status: grant.status,
      authorizedAt: grant.authorizedAt,
      redemptions: grant.redemptions,
    })),
  };
}
