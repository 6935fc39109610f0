import { jobberQuery } from 'jobber-tokens/client';

interface Result {
  account: { name: string };
}

/** Invoked with `{"accountId": "…"}`: what Jobber calls the account. */
export async function handler({ accountId }: { accountId: string }): Promise<string> {
  const { account } = await jobberQuery<Result>(accountId, 'query { account { name } }');
  return account.name;
}
