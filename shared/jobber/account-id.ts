const DECIMAL = /^\d{1,19}$/;
const GLOBAL_ID = /^gid:\/\/Jobber\/Account\/(\d{1,19})$/;

const encode = (text: string) => Buffer.from(text).toString('base64');

/**
 * The ways in which Jobber writes the id of one account, as given first: encoded with its type (`Z2lkOi8v…`), in older
 * examples the bare number encoded (`MQ==`), and the number itself. Only itself for what is none of them.
 */
export function accountIdForms(id: string): string[] {
  const decoded = Buffer.from(id, 'base64').toString();
  const number =
    DECIMAL.exec(id)?.[0] ?? GLOBAL_ID.exec(decoded)?.[1] ?? DECIMAL.exec(decoded)?.[0];
  if (number === undefined) return [id];
  return [...new Set([id, encode(`gid://Jobber/Account/${number}`), encode(number), number])];
}
