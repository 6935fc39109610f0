const NUMBER = /^\d{1,19}$/;
const GLOBAL_ID = /^gid:\/\/Jobber\/Account\/(\d{1,19})$/;

/**
 * The one id under which an account is stored, whichever of Jobber's three it is given: `account.id` as the API answers it
 * (base64 of `gid://Jobber/Account/430114`, the one that is kept), as Jobber's older examples have it (base64 of the bare
 * number: `MQ==`), and the number itself, as access tokens have it. Anything else stays what it is.
 */
export function canonicalAccountId(id: string): string {
  const decoded = Buffer.from(id, 'base64').toString();
  const number = NUMBER.exec(id)?.[0] ?? GLOBAL_ID.exec(decoded)?.[1] ?? NUMBER.exec(decoded)?.[0];
  if (number === undefined) return id;
  return Buffer.from(`gid://Jobber/Account/${number}`).toString('base64');
}
