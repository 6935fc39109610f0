import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { GetTokenResponse } from '../../shared/client/contract.ts';
import { invoke } from '../functions.ts';
import type { CallerReport } from './stampede.ts';

/* One of several processes that ask for a token at once; each is what a Lambda container is. */

process.once('disconnect', () => process.exit(1));

const [accountId, callers] = process.argv.slice(2);

await invoke('get-token', {});
process.send?.('ready');
await once(process, 'message');
const answers = (await Promise.all(
  Array.from({ length: Number(callers) }, () => invoke('get-token', { accountId })),
)) as GetTokenResponse[];

const report: CallerReport = {
  tokens: answers.flatMap((answer) =>
    answer.ok ? createHash('sha256').update(answer.accessToken).digest('hex') : [],
  ),
  errors: answers.flatMap((answer) => (answer.ok ? [] : answer.error.code)),
};
process.send?.(report);
