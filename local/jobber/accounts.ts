import type { Account } from './state.ts';

/** A Jobber account's numeric id, as a number or in digits, or as GraphQL encodes it. */
export type AccountId = number | string;

/** The accounts that the authorization page offers. */
export const SAMPLE_ACCOUNTS = [
  { id: 430114, name: 'Maple Street Plumbing', userId: 1077988 },
  { id: 518027, name: 'Northwind Landscaping', userId: 1204415 },
  { id: 602391, name: 'Harbour Window Cleaning', userId: 1366702 },
] as const;

/** A user of an account who may connect the app and disconnect it. */
export interface Admin {
  readonly id: number;
  readonly name: string;
}

/** The two admins of an account; the first one connects the app unless somebody says otherwise. */
export const adminsOf = ({ userId }: Pick<Account, 'userId'>): readonly [Admin, Admin] => [
  { id: userId, name: 'First admin' },
  { id: userId + 1, name: 'Second admin' },
];

/** An id as GraphQL answers it. */
export const encodeId = (type: string, id: number): string =>
  Buffer.from(`gid://Jobber/${type}/${id}`).toString('base64');

/** `account.id` as GraphQL answers it. */
export const encodeAccountId = (id: number): string => encodeId('Account', id);

/** Reads every form of an account id, the older encoding of the bare number (`MQ==`) included. */
export function parseAccountId(id: AccountId): number | undefined {
  const decimal = asDecimal(String(id)) ?? asDecimal(decode(String(id)));
  return decimal === undefined || !Number.isSafeInteger(decimal) ? undefined : decimal;
}

const asDecimal = (text: string) => (/^\d+$/.test(text) ? Number(text) : undefined);

const decode = (encoded: string) =>
  Buffer.from(encoded, 'base64').toString().replace('gid://Jobber/Account/', '');

export function newAccount(id: number): Account {
  const sample = SAMPLE_ACCOUNTS.find((account) => account.id === id);
  return {
    id,
    name: sample?.name ?? `Account ${id}`,
    userId: sample?.userId ?? 2_000_000 + 2 * id,
    active: true,
    redemptions: 0,
    doubleRedemptions: 0,
    refusals: 0,
    grants: [],
  };
}
